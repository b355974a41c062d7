import CSemblanceKernels
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@Suite struct MatrixProductTests {
    /// Shapes around the tiles (1, 6, 12 rows; 16, 32 columns) and the blocks (192 rows, 256 columns, 512 steps).
    static let shapes: [(m: Int, n: Int, k: Int)] = [
        (0, 3, 2), (3, 0, 2), (1, 1, 1), (1, 33, 7), (5, 31, 16), (6, 16, 17), (7, 32, 15), (12, 32, 64), (13, 33, 31),
        (23, 65, 1), (4, 5, 0), (193, 7, 5), (3, 257, 9), (2, 3, 513), (13, 37, 1030), (50, 290, 33), (97, 61, 53),
    ]

    /// Random A and B, stored as they are or transposed, and what their product is in double.
    struct Sample {
        let left: Matrix
        let right: Matrix
        private(set) var expected: DoubleMatrix
        private let shape: (m: Int, n: Int, k: Int)
        private let transposed: Bool
        private let rightTransposed: Bool

        init(_ shape: (m: Int, n: Int, k: Int), transposed: Bool, rightTransposed: Bool, seed: UInt64 = 1) {
            let (m, n, k) = shape
            var random = RandomStream(seed: seed)
            left = random.normal(rows: transposed ? k : m, columns: transposed ? m : k)
            right = random.normal(rows: rightTransposed ? n : k, columns: rightTransposed ? k : n)
            (self.shape, self.transposed, self.rightTransposed) = (shape, transposed, rightTransposed)
            expected = DoubleMatrix(rows: 0, columns: 0, elements: [])
            expected = product(left, right)
        }

        /// What the product of A and B is, stored as these are.
        func product(_ left: Matrix, _ right: Matrix) -> DoubleMatrix {
            let (m, n, k) = shape
            let (a, b) = (left.elements.map(Double.init), right.elements.map(Double.init))
            var sums = [Double](repeating: 0, count: m * n)
            for i in 0..<m {
                for j in 0..<n {
                    for l in 0..<k {
                        sums[i * n + j] +=
                            a[transposed ? l * m + i : i * k + l] * b[rightTransposed ? j * k + l : l * n + j]
                    }
                }
            }
            return DoubleMatrix(rows: m, columns: n, elements: sums)
        }
    }

    static func tolerance(_ k: Int) -> Tolerance { Tolerance(relative: 1e-6, absolute: 1e-6 * Double(k).squareRoot()) }

    @Test(arguments: shapes, [(false, false), (true, false), (false, true), (true, true)])
    func `every path computes the product`(shape: (m: Int, n: Int, k: Int), transposed: (left: Bool, right: Bool)) {
        let sample = Sample(shape, transposed: transposed.left, rightTransposed: transposed.right)
        var found: [InstructionSet: Matrix] = [:]
        for path in InstructionSet.available {
            let product = path.run {
                sample.left.product(sample.right, transposed: transposed.left, rightTransposed: transposed.right)
            }
            found[path] = product
            if let product { expectClose(product, sample.expected, Self.tolerance(shape.k), "\(path)") }
        }
        // One chain of fused multiply-adds an element on both.
        if let avx2 = found[.avx2], let avx512 = found[.avx512] { #expect(avx2 == avx512) }
    }

    @Test func `a transpose that is not asked for gives another product`() {
        let sample = Sample((9, 9, 9), transposed: false, rightTransposed: false)
        let wrong = [
            sample.left.product(sample.right, transposed: true),
            sample.left.product(sample.right, rightTransposed: true),
            sample.right.product(sample.left),
        ]
        for product in wrong {
            #expect(
                excess(product.elements.map(Double.init), over: sample.expected.elements, Self.tolerance(9)).ratio
                    > 1000
            )
        }
    }

    @Test(arguments: InstructionSet.available)
    func `scale, bias and old values enter in their documented order`(path: InstructionSet) {
        let (m, n, k) = (14, 45, 37)
        let sample = Sample((m, n, k), transposed: false, rightTransposed: false)
        var random = RandomStream(seed: 2)
        let (bias, old) = (random.normal(rows: 1, columns: n), random.normal(rows: m, columns: n))
        path.run {
            let packed = PackedMatrix(sample.right)
            let plain = sample.left.product(packed)
            let scaled = sample.left.product(packed, scale: 0.3, bias: bias)
            var added = old
            added.add(productOf: sample.left, packed, scale: 0.3)
            for i in 0..<m {
                for j in 0..<n {
                    let part = 0.3 * plain[i, j]
                    #expect(scaled[i, j] == part + bias[0, j])
                    #expect(added[i, j] == old[i, j] + part)
                }
            }
        }
    }

    @Test(arguments: InstructionSet.available)
    func `any part of the rows or panels gives the same bits as the whole`(path: InstructionSet) {
        let (m, n, k) = (61, 150, 700)
        let sample = Sample((m, n, k), transposed: false, rightTransposed: false)
        path.run {
            let width = semblance_panel_width()
            var packed = [Float](repeating: .nan, count: semblance_packed_count(k, n))
            unsafe sample.right.withPointer { unsafe semblance_pack(k, n, $0, n, 1, &packed) }
            let whole = sample.left.product(sample.right).elements
            var random = RandomStream(seed: 3)
            for _ in 0..<20 {
                let rows = Int.random(in: 0..<m, using: &random)
                let rowCount = Int.random(in: 1...m - rows, using: &random)
                let first = Int.random(in: 0..<n / width, using: &random) * width
                let columnCount = Int.random(in: 1...n - first, using: &random)
                var part = [Float](repeating: -7, count: m * n)
                unsafe sample.left.withPointer { left in
                    unsafe packed.withUnsafeBufferPointer { packed in
                        unsafe part.withUnsafeMutableBufferPointer { part in
                            guard let panels = packed.baseAddress, let target = part.baseAddress else { return }
                            unsafe semblance_product_packed(
                                rowCount,
                                columnCount,
                                k,
                                left + rows * k,
                                k,
                                1,
                                panels + first * k,
                                1,
                                0,
                                nil,
                                target + rows * n + first,
                                n
                            )
                        }
                    }
                }
                let inside = { (i: Int, j: Int) in
                    (rows..<rows + rowCount).contains(i) && (first..<first + columnCount).contains(j)
                }
                for i in 0..<m {
                    for j in 0..<n where part[i * n + j] != (inside(i, j) ? whole[i * n + j] : -7) {
                        Issue.record(
                            "element (\(i), \(j)) of rows \(rows)+\(rowCount), columns \(first)+\(columnCount)"
                        )
                    }
                }
            }
        }
    }

    @Test(arguments: [(700, 300, 20), (5, 1000, 600), (400, 33, 257), (1, 4000, 700)], [false, true])
    func `any number of threads gives the same bits`(shape: (m: Int, n: Int, k: Int), transposed: Bool) {
        var random = RandomStream(seed: 4)
        let left = random.normal(rows: transposed ? shape.k : shape.m, columns: transposed ? shape.m : shape.k)
        let right = random.normal(rows: shape.n, columns: shape.k)
        let alone = left.product(right, transposed: transposed, rightTransposed: true)
        for threads in 1...3 {
            let workers = Workers.shared(threads: threads)
            #expect(left.product(right, transposed: transposed, rightTransposed: true, workers: workers) == alone)
        }
    }

    @Test func `another order of summation gives other bits`() {
        var random = RandomStream(seed: 5)
        let (left, right) = (random.normal(rows: 20, columns: 300), random.normal(rows: 20, columns: 300))
        let backwards = { (matrix: Matrix) in
            let rows = (0..<matrix.rows).flatMap { Array(matrix[row: $0].reversed()) }
            return Matrix(rows: matrix.rows, columns: matrix.columns, elements: rows)
        }
        #expect(
            left.product(right, rightTransposed: true)
                != backwards(left).product(backwards(right), rightTransposed: true)
        )
    }

    @Test(arguments: InstructionSet.available)
    func `NaN and infinities reach exactly the elements they belong to`(path: InstructionSet) {
        let (m, n, k) = (14, 40, 20)
        var left = Matrix(rows: m, columns: k, repeating: 1)
        var right = Matrix(rows: k, columns: n, repeating: 1)
        left[3, 5] = .nan
        left[4, 19] = .infinity
        right[7, 33] = -.infinity
        right[8, 39] = .nan
        path.run {
            let product = left.product(right)
            for i in 0..<m {
                for j in 0..<n {
                    let value = product[i, j]
                    switch (i, j) {
                    case (3, _), (_, 39), (4, 33): #expect(value.isNaN)
                    case (4, _): #expect(value == .infinity)
                    case (_, 33): #expect(value == -.infinity)
                    default: #expect(value == Float(k))
                    }
                }
            }
        }
    }
}
