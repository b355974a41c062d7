import Foundation
import SemblanceTestSupport
import SemblanceTraining
import Testing

/// Beside transformers' schedules; Fixtures/schedules.py made the values.
@Suite struct LearningRateScheduleTests {
    struct Golden: Decodable {
        let schedule: LearningRateSchedule
        let total: Int
        let warmup: Int
        let factors: [Double]
    }

    let golden: [Golden]

    init() throws {
        let file = Bundle.module.url(forResource: "schedules", withExtension: "json", subdirectory: "Fixtures")
        golden = try JSONDecoder().decode([Golden].self, from: Data(contentsOf: try #require(file)))
    }

    @Test func `rates are those of transformers, a step earlier in the warm-up`() {
        for golden in golden {
            let expected = (0..<golden.total).map { step in
                // There the first step of a warm-up has rate 0 and changes nothing.
                step < golden.warmup && step + 1 < golden.total ? golden.factors[step + 1] : golden.factors[step]
            }
            let found = (0..<golden.total).map {
                golden.schedule.factor(step: $0, total: golden.total, warmupSteps: golden.warmup)
            }
            let compared = golden.warmup == golden.total ? golden.total - 1 : golden.total
            expectClose(Array(found.prefix(compared)), Array(expected.prefix(compared)), Tolerance(relative: 1e-12))
        }
    }

    @Test func `schedules differ`() {
        for step in 1..<9 where step != 5 {
            let factors = LearningRateSchedule.allCases.map { $0.factor(step: step, total: 10, warmupSteps: 0) }
            #expect(Set(factors).count == factors.count)
        }
    }

    @Test(arguments: LearningRateSchedule.allCases, [(1, 0), (1, 1), (10, 3), (7, 7)])
    func `rates are above 0 and at most 1 in every step`(schedule: LearningRateSchedule, size: (Int, Int)) {
        for step in 0..<size.0 {
            let factor = schedule.factor(step: step, total: size.0, warmupSteps: size.1)
            #expect(factor > 0 && factor <= 1)
        }
    }
}
