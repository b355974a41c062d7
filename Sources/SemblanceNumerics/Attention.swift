// Attention over the tokens of each text, forward and backward.
// N tokens, H heads, D = H · head dimension.

internal import CSemblanceKernels

/// What attention is told of a layer.
package struct AttentionSettings: Sendable {
    package var heads: Int
    package var headDimension: Int
    /// A token sees others at most so many places away; `nil` is all of its text.
    package var window: Int?
    package var dropout: Float

    package init(heads: Int, headDimension: Int, window: Int? = nil, dropout: Float = 0) {
        self.heads = heads
        self.headDimension = headDimension
        self.window = window
        self.dropout = dropout
    }
}

extension Tape {
    /// Softmax attention (arXiv:1706.03762, §3.2) within each text.
    ///
    ///     y[i, h] = Σ over tokens j of i's text: softmax over j of (⟨q[i, h], k[j, h]⟩ / √headDimension + bias[h, j − i]) · v[j, h]
    ///
    /// - Parameters:
    ///   - qkv: `[N, 3·D]`: queries, keys, values, each head after head.
    ///   - bias: `[H, 2 · reach + 1]`, added to scores by key place − query place, clamped to ± reach.
    ///   - offsets: text t has rows `offsets[t]..<offsets[t + 1]`.
    /// - Returns: `[N, D]`.
    /// - Complexity: O(Σ n²·D) time, n a text's tokens (n·window where there is one); memory beyond the result is 16·n
    ///   floats a thread: weights are computed again on the way back.
    package func attention(
        _ qkv: Variable,
        bias: Variable? = nil,
        offsets: [Int32],
        _ settings: AttentionSettings
    ) -> Variable {
        let dropout = nextDropout(rate: settings.dropout)
        let (input, heads) = (qkv.value, settings.heads)
        let columns = heads * settings.headDimension
        var y = Matrix(uninitializedRows: input.rows, columns: columns)
        let biases = bias?.value ?? Matrix(rows: 0, columns: 1)
        unsafe y.withMutablePointer { y in
            unsafe input.withPointer { x in
                unsafe biases.withPointer { bias_ in
                    let kernel = unsafe settings.kernel(bias: biases, at: bias_, dropout)
                    Self.forEach(offsets, heads, workers) { rows, heads in
                        let failed = unsafe withUnsafePointer(to: kernel) {
                            unsafe semblance_attention(
                                $0,
                                x + rows.lowerBound * 3 * columns,
                                rows.count,
                                rows.lowerBound,
                                heads.lowerBound,
                                heads.count,
                                y + rows.lowerBound * columns
                            )
                        }
                        precondition(failed == 0, "out of memory: attention over \(rows.count) tokens")
                    }
                }
            }
        }
        let (place, biasPlace) = (qkv.place, bias?.place)
        return record(y, from: [qkv] + (bias.map { [$0] } ?? [])) { dY, flow in
            var dX = Matrix(uninitializedRows: input.rows, columns: input.columns)
            let wantsBias = biasPlace.map(flow.reaches) ?? false
            var dBias = Matrix(rows: wantsBias ? biases.rows : 0, columns: biases.columns)
            unsafe dX.withMutablePointer { dX in
                unsafe dBias.withMutablePointer { dBias in
                    unsafe input.withPointer { x in
                        unsafe dY.withPointer { dY in
                            unsafe biases.withPointer { bias_ in
                                let kernel = unsafe settings.kernel(bias: biases, at: bias_, dropout)
                                // A head's bias is summed over all texts in their order, by one thread.
                                Self.forEach(offsets, heads, flow.workers, byHeads: wantsBias) { rows, heads in
                                    let failed = unsafe withUnsafePointer(to: kernel) {
                                        unsafe semblance_attention_gradient(
                                            $0,
                                            x + rows.lowerBound * 3 * columns,
                                            dY + rows.lowerBound * columns,
                                            rows.count,
                                            rows.lowerBound,
                                            heads.lowerBound,
                                            heads.count,
                                            dX + rows.lowerBound * 3 * columns,
                                            wantsBias ? dBias : nil
                                        )
                                    }
                                    precondition(failed == 0, "out of memory: attention over \(rows.count) tokens")
                                }
                            }
                        }
                    }
                }
            }
            if let biasPlace { flow.add(dBias, to: biasPlace) }
            flow.add(dX, to: place)
        }
    }

    /// Calls `body` for every text's rows and heads: text by text, some heads at a time where texts are few.
    private static func forEach(
        _ offsets: [Int32],
        _ heads: Int,
        _ workers: Workers?,
        byHeads: Bool = false,
        _ body: (_ rows: Range<Int>, _ heads: Range<Int>) -> Void
    ) {
        let texts = offsets.count - 1
        func rows(_ text: Int) -> Range<Int> { Int(offsets[text])..<Int(offsets[text + 1]) }
        guard let workers else {
            for text in 0..<texts where !rows(text).isEmpty { body(rows(text), 0..<heads) }
            return
        }
        if byHeads {
            workers.forEach(heads) { head in
                for text in 0..<texts where !rows(text).isEmpty { body(rows(text), head..<head + 1) }
            }
            return
        }
        let groups = min(heads, max(1, 4 * workers.threads / max(texts, 1)))
        let size = (heads + groups - 1) / groups
        workers.forEach(texts * groups) { task in
            let first = task % groups * size
            guard first < heads, !rows(task / groups).isEmpty else { return }
            body(rows(task / groups), first..<min(heads, first + size))
        }
    }
}

extension AttentionSettings {
    fileprivate func kernel(
        bias: Matrix,
        at pointer: UnsafePointer<Float>,
        _ dropout: Dropout?
    ) -> semblance_attention_settings {
        unsafe semblance_attention_settings(
            heads: heads,
            head_dimension: headDimension,
            scale: 1 / Float(headDimension).squareRoot(),
            window: window ?? .max,
            bias: bias.rows == 0 ? nil : pointer,
            reach: bias.columns / 2,
            seed: dropout?.seed ?? 0,
            stream: dropout?.stream ?? 0,
            dropout: dropout?.rate ?? 0
        )
    }
}

extension Tape {
    /// Rotary positions (arXiv:2104.09864): the components of each head's queries and keys turn in pairs, half a head
    /// apart, by place · frequency.
    ///
    /// - Parameters:
    ///   - qkv: `[N, 3·D]`.
    ///   - frequencies: half as many as a head has components.
    package func rotated(_ qkv: Variable, offsets: [Int32], heads: Int, frequencies: [Float]) -> Variable {
        let y = Self.rotate(qkv.value, offsets, heads, frequencies, 1, workers)
        let place = qkv.place
        return record(y, from: [qkv]) { dY, flow in
            flow.add(Self.rotate(dY, offsets, heads, frequencies, -1, flow.workers), to: place)
        }
    }

    private static func rotate(
        _ x: Matrix,
        _ offsets: [Int32],
        _ heads: Int,
        _ frequencies: [Float],
        _ direction: Float,
        _ workers: Workers?
    ) -> Matrix {
        var y = x
        unsafe y.withMutablePointer { y in
            (0..<offsets.count - 1).split(by: 1, on: workers) { texts in
                for text in texts {
                    let (first, end) = (Int(offsets[text]), Int(offsets[text + 1]))
                    let failed = unsafe semblance_rotate(
                        y + first * x.columns,
                        end - first,
                        heads,
                        2 * frequencies.count,
                        frequencies,
                        direction
                    )
                    precondition(failed == 0, "out of memory: rotary positions")
                }
            }
        }
        return y
    }
}

extension Tape {
    /// Rows of a table as columns: y[h, i] = table[rows[i], h].
    ///
    /// - Parameters:
    ///   - table: index of a weight `[R, H]`.
    ///   - rows: row numbers below R.
    /// - Returns: `[H, rows]`.
    package func columns(ofTable table: Int, rows: [Int]) -> Variable {
        let source = weights[table]
        var y = Matrix(uninitializedRows: source.columns, columns: rows.count)
        for (column, row) in rows.enumerated() {
            for head in 0..<source.columns { y[head, column] = source[row, head] }
        }
        return record(y, from: [], parameters: [table]) { dY, flow in
            var gradient = Matrix(rows: source.rows, columns: source.columns)
            for (column, row) in rows.enumerated() {
                for head in 0..<source.columns { gradient[row, head] += dY[head, column] }
            }
            flow.add(gradient, toParameter: table)
        }
    }
}
