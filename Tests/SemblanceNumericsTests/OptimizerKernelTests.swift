import CSemblanceKernels
import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

/// Against torch.optim, step by step; Fixtures/make_optimizers.py made the values.
@Suite struct OptimizerKernelTests {
    struct Golden: Decodable {
        let rows: Int
        let columns: Int
        let start: [Float]
        let gradients: [[Float]]
        let touched: [[Int32]]
        let adam: [[Double]]
        let adamRows: [[Double]]
        let adagrad: [[Double]]
        let adagradRows: [[Double]]

        var count: Int { rows * columns }

        /// The gradients of the rows that step t touches, one after the other.
        func block(_ step: Int) -> [Float] {
            touched[step].flatMap { row in
                gradients[step][Int(row) * columns..<(Int(row) + 1) * columns]
            }
        }
    }

    let golden: Golden
    let tolerance = Tolerance(relative: 2e-7)

    init() throws {
        let url = try #require(
            Bundle.module.url(forResource: "optimizers", withExtension: "json", subdirectory: "Fixtures")
        )
        golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
    }

    /// 1 − β^t of the float β, as the kernels ask for.
    func correction(_ beta: Float, _ step: Int) -> Float { Float(1 - pow(Double(beta), Double(step + 1))) }

    func doubles(_ x: [Float]) -> [Double] { x.map(Double.init) }

    @Test(arguments: InstructionSet.available)
    func `Adam takes the steps of torch.optim.AdamW`(path: InstructionSet) {
        var p = golden.start
        var (m, v) = ([Float](repeating: 0, count: golden.count), [Float](repeating: 0, count: golden.count))
        for (t, gradient) in golden.gradients.enumerated() {
            path.run {
                unsafe semblance_adam(
                    &p,
                    &m,
                    &v,
                    gradient.map { 4 * $0 },
                    golden.count,
                    0.01,
                    0.9,
                    0.999,
                    1e-8,
                    0.1,
                    correction(0.9, t),
                    correction(0.999, t),
                    0.25
                )
            }
            expectClose(doubles(p), golden.adam[t], tolerance, "step \(t)")
            #expect(excess(doubles(p), over: golden.adamRows[t], tolerance).ratio > 100)
        }
    }

    @Test(arguments: InstructionSet.available)
    func `Adam on rows takes the steps of torch.optim.SparseAdam`(path: InstructionSet) {
        var p = golden.start
        var (m, v) = ([Float](repeating: 0, count: golden.count), [Float](repeating: 0, count: golden.count))
        for (t, rows) in golden.touched.enumerated() {
            path.run {
                unsafe semblance_adam_rows(
                    &p,
                    &m,
                    &v,
                    golden.columns,
                    rows,
                    golden.block(t).map { 4 * $0 },
                    rows.count,
                    0.01,
                    0.9,
                    0.999,
                    1e-8,
                    correction(0.9, t),
                    correction(0.999, t),
                    0.25
                )
            }
            expectClose(doubles(p), golden.adamRows[t], tolerance, "step \(t)")
        }
    }

    @Test(arguments: InstructionSet.available)
    func `Adagrad takes the steps of torch.optim.Adagrad, dense and on rows`(path: InstructionSet) {
        var (p, rowsP) = (golden.start, golden.start)
        var (sum, rowsSum) = ([Float](repeating: 0, count: golden.count), [Float](repeating: 0, count: golden.count))
        for (t, gradient) in golden.gradients.enumerated() {
            path.run {
                unsafe semblance_adagrad(&p, &sum, gradient.map { $0 / 2 }, golden.count, 0.2, 1e-10, 2)
                unsafe semblance_adagrad_rows(
                    &rowsP,
                    &rowsSum,
                    golden.columns,
                    golden.touched[t],
                    golden.block(t),
                    golden.touched[t].count,
                    0.2,
                    1e-10,
                    1
                )
            }
            expectClose(doubles(p), golden.adagrad[t], tolerance, "step \(t)")
            expectClose(doubles(rowsP), golden.adagradRows[t], tolerance, "step \(t)")
            #expect(excess(doubles(p), over: golden.adagradRows[t], tolerance).ratio > 100)
        }
    }

    @Test func `a step on parts gives the same bits as on the whole`() {
        var (whole, wholeSum) = (golden.start, [Float](repeating: 0, count: golden.count))
        unsafe semblance_adagrad(&whole, &wholeSum, golden.gradients[0], golden.count, 0.2, 1e-10, 1)
        for cut in 1..<golden.count {
            var parts: [Float] = []
            for range in [0..<cut, cut..<golden.count] {
                var p = Array(golden.start[range])
                var sum = [Float](repeating: 0, count: p.count)
                unsafe semblance_adagrad(&p, &sum, Array(golden.gradients[0][range]), p.count, 0.2, 1e-10, 1)
                parts += p
            }
            #expect(parts == whole)
        }
    }
}
