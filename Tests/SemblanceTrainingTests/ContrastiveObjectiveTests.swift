import SemblanceNumerics
import SemblanceTestSupport
import Testing

import SemblanceTraining

@Suite struct ContrastiveObjectiveTests {
    /// Objectives that differ in every seam they have.
    static let configurations: [ContrastiveConfiguration] = {
        var all: [ContrastiveConfiguration] = []
        for (directions, partition) in [
            ([ContrastiveDirection.queryToDocument], ContrastivePartition.joint),
            ([.queryToDocument, .documentToQuery], .separate),
            ([.queryToDocument, .documentToQuery], .joint),
            ([.queryToDocument, .queryToQuery, .documentToQuery, .documentToDocument], .joint),
        ] {
            for (smoothing, masks) in [(Float(0), true), (0.1, true), (0, false)] {
                var configuration = ContrastiveConfiguration()
                configuration.directions = directions
                configuration.partition = partition
                configuration.labelSmoothing = smoothing
                configuration.masksDuplicates = masks
                configuration.masksGroups = masks
                all.append(configuration)
            }
        }
        return all
    }()

    @Test(arguments: configurations, [1, 2] as [UInt64])
    func `loss and gradients match central differences`(configuration: ContrastiveConfiguration, seed: UInt64) {
        check(.random(seed: seed), configuration, Tolerance(relative: 2e-5))
    }

    @Test(arguments: configurations)
    func `loss and gradients match at a nearly solved batch`(configuration: ContrastiveConfiguration) {
        check(.nearlySolved, configuration, Tolerance(relative: 1e-3))
    }

    private func check(_ point: MethodPoint, _ configuration: ContrastiveConfiguration, _ tolerance: Tolerance) {
        let (anchors, documents, batch, scale) = (point.anchors, point.documents, point.batch, point.scale)
        let found = ContrastiveObjective(configuration).contrast(
            anchors: anchors.float,
            documents: documents.float,
            batch: batch,
            scale: Float(scale),
            workers: .shared(threads: 2)
        )
        let loss = { (q: DoubleMatrix, d: DoubleMatrix, scale: Double) in
            referenceLoss(anchors: q, documents: d, batch: batch, scale: scale, configuration)
        }
        found.check(at: anchors, documents, loss: Tolerance(relative: 1e-5), gradients: tolerance) {
            loss($0, $1, scale)
        }
        let step = 1e-4
        let slope = (loss(anchors, documents, scale + step) - loss(anchors, documents, scale - step)) / (2 * step)
        expectClose([found.scaleGradient], [slope], Tolerance(relative: tolerance.relative, absolute: 1e-7), "scale")
    }

    @Test(arguments: configurations)
    func `blocks of rows give what one block gives`(configuration: ContrastiveConfiguration) {
        var random = RandomStream(seed: 5)
        let rows = (0..<300).map { ContrastiveRow(anchor: $0 % 290, positives: [1000 + $0 % 250], group: $0 / 2) }
        let batch = ContrastiveBatch(rows)
        let anchors = random.normal(rows: 300, columns: 24)
        let documents = random.normal(rows: 300, columns: 24)
        let whole = ContrastiveObjective(configuration)
        var blocked = whole
        blocked.scoreBudget = 64 * 300
        let expected = contrast(whole, anchors, documents, batch)
        let found = contrast(blocked, anchors, documents, batch)
        expectClose([found.loss], [expected.loss], Tolerance(relative: 1e-7))
        expectClose(found.anchorGradient, DoubleMatrix(expected.anchorGradient), Tolerance(relative: 1e-5))
        expectClose(found.documentGradient, DoubleMatrix(expected.documentGradient), Tolerance(relative: 1e-5))
        // The twin that must differ: another scale is another gradient.
        let other = contrast(whole, anchors, documents, batch, scale: 21)
        #expect(
            excess(
                other.anchorGradient.elements.map(Double.init),
                over: expected.anchorGradient.elements.map(Double.init),
                Tolerance(relative: 1e-5)
            ).ratio > 1
        )
    }

    @Test func `any number of threads gives the same bits`() {
        var random = RandomStream(seed: 6)
        let rows = (0..<200).map {
            ContrastiveRow(anchor: $0, positives: [1000 + $0], negatives: [2000 + $0])
        }
        let batch = ContrastiveBatch(rows)
        let anchors = random.normal(rows: 200, columns: 32)
        let documents = random.normal(rows: 400, columns: 32)
        let objective = ContrastiveObjective(Self.configurations[9])
        let results = [1, 2, 3].map { threads in
            objective.contrast(
                anchors: anchors,
                documents: documents,
                batch: batch,
                scale: 20,
                workers: .shared(threads: threads)
            )
        }
        #expect(results[0].anchorGradient == results[1].anchorGradient)
        #expect(results[0].documentGradient == results[2].documentGradient)
        #expect(results[0].loss == results[1].loss && results[0].loss == results[2].loss)
    }

    @Test func `a duplicate positive is not used as its own negative`() {
        // Two anchors with one positive: with the mask nothing competes, without it the twin does.
        let batch = ContrastiveBatch([.init(anchor: 0, positives: [9]), .init(anchor: 1, positives: [9])])
        let vectors = Matrix(rows: 2, columns: 2, elements: [1, 0, 0.6, 0.8])
        var configuration = ContrastiveConfiguration()
        let masked = contrast(ContrastiveObjective(configuration), vectors, vectors, batch)
        #expect(masked.loss == 0 && masked.maskedPerRow == 1)
        configuration.masksDuplicates = false
        let open = contrast(ContrastiveObjective(configuration), vectors, vectors, batch)
        #expect(open.loss > 1e-4 && open.maskedPerRow == 0)
    }

    @Test func `a row's own negatives stay open although they are of its group`() {
        let rows: [ContrastiveRow] = [
            .init(anchor: 0, positives: [10], negatives: [11], group: 1),
            .init(anchor: 1, positives: [11], negatives: [10], group: 1),
        ]
        let vectors = Matrix(rows: 2, columns: 2, elements: [1, 0, 0, 1])
        let documents = Matrix(rows: 4, columns: 2, elements: [1, 0, 0, 1, 0, 1, 1, 0])
        let found = contrast(ContrastiveObjective(.init()), vectors, documents, ContrastiveBatch(rows))
        // Open: the positive and the own negative; closed: the other row's two documents.
        #expect(found.maskedPerRow == 2 && found.candidatesPerRow == 4)
        #expect(found.loss > 0)
    }

    @Test func `a document above the positive is suspected`() {
        let batch = ContrastiveBatch([.init(anchor: 0, positives: [10]), .init(anchor: 1, positives: [11])])
        let anchors = Matrix(rows: 2, columns: 2, elements: [1, 0, 0, 1])
        let documents = Matrix(rows: 2, columns: 2, elements: [0.6, 0.8, 0.8, 0.6])
        let found = contrast(ContrastiveObjective(.init()), anchors, documents, batch)
        #expect(found.suspects.map(\.row) == [0, 1] && found.suspects.map(\.document) == [1, 0])
        let solved = contrast(ContrastiveObjective(.init()), anchors, anchors, batch)
        #expect(solved.suspects.isEmpty)
    }

    private func contrast(
        _ objective: ContrastiveObjective,
        _ anchors: Matrix,
        _ documents: Matrix,
        _ batch: ContrastiveBatch,
        scale: Float = 20
    ) -> Contrast {
        objective.contrast(
            anchors: anchors,
            documents: documents,
            batch: batch,
            scale: scale,
            workers: .shared(threads: 2)
        )
    }
}
