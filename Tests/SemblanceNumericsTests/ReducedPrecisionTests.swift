import CSemblanceKernels
import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@Suite struct ReducedPrecisionTests {
    typealias Shape = (m: Int, n: Int, k: Int)

    /// Shapes around the tiles (6, 12, 16, 32 rows; 16, 32 columns), the words (2, 4 steps), the pieces (32, 64) and the
    /// blocks (192 rows, 384 columns, 1,024 or 2,048 steps).
    static let shapes: [Shape] = [
        (0, 3, 2), (3, 0, 2), (4, 5, 0), (1, 1, 1), (1, 33, 7), (5, 31, 16), (6, 16, 17), (7, 32, 15), (12, 32, 64),
        (13, 33, 31), (16, 17, 65), (17, 65, 1), (23, 48, 66), (32, 64, 32), (33, 32, 63), (50, 290, 33), (193, 7, 5),
        (49, 61, 130), (2, 3, 1025), (2, 390, 2052), (33, 5, 1100),
    ]
    static let transposes = [(false, false), (true, false), (false, true), (true, true)]
    static let reduced: [Precision] = [.bfloat16, .int8]
    static let paths = reduced.flatMap { precision in ProductPath.available(precision).map { (precision, $0) } }

    static func bfloat(_ x: Float) -> Float {
        if x.isNaN { return x }
        let upper = Float(bitPattern: x.bitPattern & 0xFFFF_0000)
        let next = Float(bitPattern: (x.bitPattern & 0xFFFF_0000) &+ 0x1_0000)
        let (below, above) = (abs(Double(x) - Double(upper)), abs(Double(next) - Double(x)))
        return below < above || (below == above && upper.bitPattern >> 16 & 1 == 0) ? upper : next
    }

    /// A list as bytes: what the documentation of the kernels says, one element after the other.
    struct Bytes {
        var scale: Float = 0
        var zero = 0
        var values: [Int] = []
        var clipped = 0

        init(_ x: [Float], signed: Bool) {
            values = [Int](repeating: 0, count: x.count)
            let (low, high) = (min(0, x.min() ?? 0), max(0, x.max() ?? 0))
            scale = signed ? max(-low, high) / 127 : high / 255 - low / 255
            guard x.allSatisfy(\.isFinite) else {
                scale = .nan
                return
            }
            guard scale >= Float.leastNormalMagnitude else {
                scale = 0
                return
            }
            let inverse = 1 / scale
            zero = signed ? 0 : Int(-low * inverse + 0.5)
            values = x.map { Int(($0 * inverse).rounded(.toNearestOrEven)) + zero }
            let range = signed ? -127...127 : 0...255
            clipped = values.count { !range.contains($0) }
            values = values.map { min(range.upperBound, max(range.lowerBound, $0)) }
        }
    }

    static func transpose(_ x: Matrix) -> Matrix {
        Matrix(
            rows: x.columns,
            columns: x.rows,
            elements: (0..<x.columns).flatMap { column in (0..<x.rows).map { x[$0, column] } }
        )
    }

    /// The int8 product of A and Bᵀ, whose rows are the columns of B.
    static func byteProduct(_ left: Matrix, _ right: Matrix) -> Matrix {
        let a = (0..<left.rows).map { Bytes(left[row: $0], signed: false) }
        let b = (0..<right.rows).map { Bytes(right[row: $0], signed: true) }
        let elements = a.flatMap { a in
            b.map { b in
                let sum = zip(a.values, b.values).reduce(0) { $0 + ($1.0 - a.zero) * $1.1 }
                return Float(sum) * (a.scale * b.scale)
            }
        }
        return Matrix(rows: left.rows, columns: right.rows, elements: elements)
    }

    // MARK: Values

    /// Expects all paths to compute A·Bᵀ, from both orders of both, so that `isRight` says yes.
    func expectProducts(_ left: Matrix, _ right: Matrix, _ precision: Precision, _ isRight: (Matrix) -> Bool) {
        let (lefts, rights) = ([left, Self.transpose(left)], [Self.transpose(right), right])
        for path in ProductPath.available(precision) {
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let product = path.run(precision) {
                    lefts[i].product(rights[j], transposed: i == 1, rightTransposed: j == 1, precision: precision)
                }
                #expect(product.map(isRight) == true, "\(path), \(i == 1 ? "Aᵀ" : "A") by \(j == 1 ? "Bᵀ" : "B")")
            }
        }
    }

    @Test(arguments: shapes)
    func `bf16 products of small whole numbers are exact`(shape: Shape) {
        var random = RandomStream(seed: 1)
        let numbers = { (rows: Int, columns: Int) in
            let elements = (0..<rows * columns).map { _ in Float(Int.random(in: -16...16, using: &random)) }
            return Matrix(rows: rows, columns: columns, elements: elements)
        }
        let (left, right) = (numbers(shape.m, shape.k), numbers(shape.n, shape.k))
        let expected = (0..<shape.m).flatMap { i in
            (0..<shape.n).map { j in Float(dot(left[row: i].map(Double.init), right[row: j].map(Double.init))) }
        }
        expectProducts(left, right, .bfloat16) { $0.elements == expected }
    }

    @Test(arguments: shapes, transposes)
    func `bf16 products are those of the rounded operands`(shape: Shape, transposed: (left: Bool, right: Bool)) {
        let sample = MatrixProductTests.Sample(shape, transposed: transposed.left, rightTransposed: transposed.right)
        let rounded = { (x: Matrix) in Matrix(rows: x.rows, columns: x.columns, elements: x.elements.map(Self.bfloat)) }
        let expected = sample.product(rounded(sample.left), rounded(sample.right))
        var found: [ProductPath: Matrix] = [:]
        for path in ProductPath.available(.bfloat16) {
            found[path] = path.run(.bfloat16) {
                sample.left.product(
                    sample.right,
                    transposed: transposed.left,
                    rightTransposed: transposed.right,
                    precision: .bfloat16
                )
            }
            guard let product = found[path] else { continue }
            expectClose(product, expected, MatrixProductTests.tolerance(4 * shape.k), "\(path)")
            if shape.m * shape.n > 100 {
                let unrounded = excess(
                    product.elements.map(Double.init),
                    over: sample.expected.elements,
                    MatrixProductTests.tolerance(shape.k)
                )
                #expect(unrounded.ratio > 10)
            }
        }
        // Products of two bfloat16 are exact, and both add them in the same order.
        if let avx512 = found[.avx512] { #expect(avx512 == found[.portable]) }
    }

    @Test(arguments: shapes)
    func `int8 products are exact in whole numbers`(shape: Shape) {
        var random = RandomStream(seed: 2)
        let (left, right) = (
            random.normal(rows: shape.m, columns: shape.k), random.normal(rows: shape.n, columns: shape.k)
        )
        let expected = Self.byteProduct(left, right)
        expectProducts(left, right, .int8) { $0 == expected }
    }

    @Test func `int8 products are near those of floats`() {
        let sample = MatrixProductTests.Sample((40, 70, 384), transposed: false, rightTransposed: true)
        let product = sample.left.product(sample.right, rightTransposed: true, precision: .int8)
        let (found, expected) = (product.elements.map(Double.init), sample.expected.elements)
        let cosine = dot(found, expected) / (dot(found, found) * dot(expected, expected)).squareRoot()
        #expect(cosine > 0.9995 && cosine < 0.999_999)
    }

    // MARK: Extremes

    @Test(arguments: ProductPath.available(.int8), [(1, 1), (1, -1), (-1, 1), (-1, -1)] as [(Float, Float)])
    func `the largest sums of bytes don't wrap`(path: ProductPath, signs: (left: Float, right: Float)) {
        let k = PackedMatrix.mostBytes
        let left = Matrix(rows: 2, columns: k, repeating: signs.left)
        let right = Matrix(rows: 33, columns: k, repeating: signs.right)
        path.run(.int8) {
            let product = left.product(right, rightTransposed: true, precision: .int8)
            for value in product.elements { #expect(abs(value - signs.left * signs.right * Float(k)) < 0.02) }
        }
    }

    @Test(arguments: ProductPath.available(.int8))
    func `numbers at the end of the range are clipped`(path: ProductPath) {
        // Both ends lie halfway between two numbers and may be rounded away from each other.
        let ends = (0..<254).flatMap { [-(Float($0) + 0.5), 254.5 - Float($0)] }
        let left = Matrix(rows: 254, columns: 2, elements: ends)
        let clipped = (0..<254).reduce(0) { $0 + Bytes(left[row: $1], signed: false).clipped }
        #expect(clipped > 20)
        let right = Matrix(rows: 2, columns: 2, elements: [1, 0, 0, 1])
        path.run(.int8) {
            let product = left.product(right, precision: .int8)
            #expect(product == Self.byteProduct(left, right))
            expectClose(product, DoubleMatrix(left), Tolerance(relative: 0, absolute: 1.01))
        }
    }

    @Test(arguments: ProductPath.available(.int8))
    func `rows and columns without a scale are zero or NaN, the others as they were`(path: ProductPath) {
        var random = RandomStream(seed: 4)
        var (left, right) = (random.normal(rows: 9, columns: 70), random.normal(rows: 40, columns: 70))
        let plain = Self.byteProduct(left, right)
        for l in 0..<70 {
            (left[1, l], left[2, l], right[3, l]) = (0, 1e-38, 0)
            (left[6, l], right[9, l]) = (.greatestFiniteMagnitude, 1e30)
        }
        left[6, 0] = -.greatestFiniteMagnitude
        (left[4, 5], left[5, 69], right[7, 8], right[8, 0]) = (.nan, .infinity, -.infinity, .nan)
        path.run(.int8) {
            let product = left.product(right, rightTransposed: true, precision: .int8)
            for i in 0..<9 {
                for j in 0..<40 {
                    switch (i, j) {
                    case (4, _), (5, _), (_, 7), (_, 8): #expect(product[i, j].isNaN)
                    case (1, _), (2, _), (_, 3): #expect(product[i, j] == 0)
                    case (6, 9): #expect(product[i, j] == .infinity)
                    case (6, _): continue
                    case (_, 9): #expect(product[i, j].isFinite)
                    default: #expect(product[i, j] == plain[i, j])
                    }
                }
            }
        }
    }

    @Test(arguments: ProductPath.available(.bfloat16))
    func `NaN and infinities reach exactly the elements they belong to in bf16`(path: ProductPath) {
        let (m, n, k) = (35, 40, 21)
        var left = Matrix(rows: m, columns: k, repeating: 1)
        var right = Matrix(rows: k, columns: n, repeating: 1)
        // A NaN whose bits are all in the half that rounding drops.
        left[3, 5] = Float(bitPattern: 0x7F80_0001)
        left[4, 20] = .infinity
        right[7, 33] = -.infinity
        right[8, 39] = .nan
        // The largest float rounds to infinity.
        left[5, 0] = .greatestFiniteMagnitude
        path.run(.bfloat16) {
            let product = left.product(right, precision: .bfloat16)
            for i in 0..<m {
                for j in 0..<n {
                    let value = product[i, j]
                    switch (i, j) {
                    case (3, _), (_, 39), (4, 33), (5, 33): #expect(value.isNaN)
                    case (4, _), (5, _): #expect(value == .infinity)
                    case (_, 33): #expect(value == -.infinity)
                    default: #expect(value == Float(k))
                    }
                }
            }
        }
    }

    // MARK: Order

    @Test(arguments: paths)
    func `scale, bias and old values enter in their documented order`(precision: Precision, path: ProductPath) {
        let (m, n, k) = (21, 45, 37)
        let sample = MatrixProductTests.Sample((m, n, k), transposed: false, rightTransposed: false)
        var random = RandomStream(seed: 2)
        let (bias, old) = (random.normal(rows: 1, columns: n), random.normal(rows: m, columns: n))
        path.run(precision) {
            let packed = PackedMatrix(sample.right, precision: precision)
            let plain = sample.left.product(packed)
            let scaled = sample.left.product(packed, scale: 0.3, bias: bias)
            var added = old
            if precision != .int8 { added.add(productOf: sample.left, packed, scale: 0.3) }
            for i in 0..<m {
                for j in 0..<n {
                    let part = 0.3 * plain[i, j]
                    #expect(scaled[i, j] == part + bias[0, j])
                    if precision != .int8 { #expect(added[i, j] == old[i, j] + part) }
                }
            }
        }
    }

    @Test(arguments: paths)
    func `any part of the rows or panels gives the same bits as the whole`(precision: Precision, path: ProductPath) {
        let (m, n, k) = (61, 150, 2100)
        let sample = MatrixProductTests.Sample((m, n, k), transposed: false, rightTransposed: false)
        let kernels = precision == .int8 ? SEMBLANCE_INT8 : SEMBLANCE_BFLOAT16
        path.run(precision) {
            let (width, words) = (semblance_panel_width(), semblance_panel_words(kernels, k))
            var packed = [Float](repeating: .nan, count: words * ((n + width - 1) / width))
            unsafe sample.right.withPointer { unsafe semblance_pack_as(kernels, k, n, $0, n, 1, &packed) }
            let whole = sample.left.product(sample.right, precision: precision).elements
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
                            unsafe semblance_product(
                                kernels,
                                rowCount,
                                columnCount,
                                k,
                                left + rows * k,
                                k,
                                1,
                                panels + first / width * words,
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

    @Test(arguments: [(700, 300, 20), (5, 1000, 600), (400, 33, 257), (1, 4000, 700), (64, 1152, 384)], reduced)
    func `any number of threads gives the same bits`(shape: Shape, precision: Precision) {
        var random = RandomStream(seed: 4)
        let left = random.normal(rows: shape.m, columns: shape.k)
        let right = random.normal(rows: shape.n, columns: shape.k)
        let alone = left.product(right, rightTransposed: true, precision: precision)
        for threads in 1...3 {
            let workers = Workers.shared(threads: threads)
            #expect(left.product(right, rightTransposed: true, precision: precision, workers: workers) == alone)
        }
    }

    @Test(arguments: reduced, [(70, 40), (64, 32), (1, 33), (131, 5)])
    func `packed operands are the same on every instruction set`(precision: Precision, shape: (k: Int, n: Int)) {
        var random = RandomStream(seed: 5)
        let right = random.normal(rows: shape.n, columns: shape.k)
        let kernels = precision == .int8 ? SEMBLANCE_INT8 : SEMBLANCE_BFLOAT16
        let words = semblance_panel_words(kernels, shape.k) * ((shape.n + 31) / 32)
        var all: Set<[UInt32]> = []
        for path in InstructionSet.available {
            for (matrix, row, column) in [(right, 1, shape.k), (Self.transpose(right), shape.n, 1)] {
                var packed = [Float](repeating: 7, count: words)
                _ = path.run {
                    unsafe matrix.withPointer {
                        unsafe semblance_pack_as(kernels, shape.k, shape.n, $0, row, column, &packed)
                    }
                }
                all.insert(packed.map(\.bitPattern))
            }
        }
        #expect(all.count == 1)
    }

    // MARK: Choice

    @Test func `fp32 is available everywhere, the others where they are fast`() throws {
        try ComputeOptions().validate()
        for path in InstructionSet.available {
            path.run { #expect(Precision.float32.isAvailable) }
        }
        InstructionSet.portable.run {
            for precision in Self.reduced {
                #expect(!precision.isAvailable)
                let error = #expect(throws: ComputeError.self) { try ComputeOptions(precision: precision).validate() }
                #expect(error?.code == .unavailablePrecision)
                #expect(error?.message.contains("precision \(precision.rawValue) needs a CPU with AVX") == true)
                #expect(error?.message.hasSuffix("fp32 works everywhere") == true)
            }
        }
        for (precision, path) in Self.paths where path != .portable {
            path.run(precision) { #expect(precision.isAvailable) }
        }
    }

    @Test func `threads out of range are refused`() {
        for threads in [0, -1, 1025] {
            let error = #expect(throws: ComputeError.self) { try ComputeOptions(threads: threads).validate() }
            #expect(error?.message.contains("\(threads)") == true)
        }
    }

    @Test func `options written before precisions are read as fp32`() throws {
        let decode = { try JSONDecoder().decode(ComputeOptions.self, from: Data(($0 as String).utf8)) }
        #expect(try decode("{}") == ComputeOptions())
        #expect(try decode(#"{"threads": 3}"#) == ComputeOptions(threads: 3))
        #expect(try decode(#"{"precision": "bf16"}"#) == ComputeOptions(precision: .bfloat16))
        #expect(throws: DecodingError.self) { try decode(#"{"precision": "fp8"}"#) }
        let options = ComputeOptions(threads: 2, precision: .int8)
        #expect(try JSONDecoder().decode(ComputeOptions.self, from: JSONEncoder().encode(options)) == options)
    }
}
