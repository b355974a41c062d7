import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

@Suite struct JournalCrashTests {
    /// What every run of the test below does.
    private func script(_ model: inout JournalModel) throws {
        for step in 0..<6 {
            try model.append()
            try model.append()
            try model.synchronise()
            if step == 2 { try model.rotate() }
            if step == 4 { try model.checkpoint() }
        }
        try model.append()
    }

    @Test func `whatever fails once, what threw is out and what was acknowledged is there`() throws {
        var whole = try JournalModel(seed: 0)
        let first = whole.disk.operations
        try script(&whole)
        let last = whole.disk.operations
        #expect(last - first > 30)
        for operation in first + 1...last {
            for seed in 0..<UInt64(16) {
                var model = try JournalModel(seed: seed)
                model.disk.fail(at: operation, with: seed % 2 == 0 ? EIO : ENOSPC)
                try script(&model)
                if seed % 3 == 0 { try model.kill() } else { try model.losePower() }
                try model.append()
                try model.synchronise()
                try model.losePower()
            }
        }
    }

    @Test func `acknowledged records outlive any failures, kills and losses of power`() throws {
        for seed in 0..<UInt64(3000 * testScale) {
            do {
                try life(seed: seed)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
    }

    @Test func `a disk that only says it synced is found out`() {
        let found = (0..<UInt64(200)).contains { seed in
            do {
                try life(seed: seed, lying: true)
                return false
            } catch {
                return true
            }
        }
        #expect(found)
    }

    private func life(seed: UInt64, lying: Bool = false) throws {
        var model = try JournalModel(seed: seed)
        model.disk.isLying = lying
        for _ in 0..<model.pick(1..<5) {
            // Whether the disk refused so much that what threw may be found, unless something worked since.
            var isFailing = false
            for _ in 0..<model.pick(0..<25) {
                switch model.pick(0..<20) {
                case 0..<9: try model.append()
                case 9..<14: try model.synchronise()
                case 14: try model.rotate()
                case 15: try model.checkpoint()
                case 16:
                    try model.kill(isFailing: isFailing)
                    isFailing = false
                case 17:
                    let operation = model.disk.operations + model.pick(1..<12)
                    let isLasting = model.pick(0..<3) == 0
                    model.disk.fail(at: operation, with: model.pick(0..<2) == 0 ? EIO : ENOSPC, lasting: isLasting)
                    isFailing = isFailing || isLasting
                case 18:
                    model.disk.capacity = model.disk.used + model.pick(0..<400)
                    isFailing = true
                default:
                    model.disk.heal()
                    model.disk.capacity = .max
                }
            }
            switch model.pick(0..<4) {
            case 0: try model.kill(isFailing: isFailing)
            case 1..<3: try model.losePower(isFailing: isFailing)
            default:
                model.disk.heal()
                model.disk.capacity = .max
                let known = try model.journal.close()
                (model.acknowledged, model.former) = (model.base + model.log.count, [])
                let files = known.filter { $0.number >= model.firstFile }
                try model.reopen(model.disk.losePower(seed: seed), isFailing: false, known: files)
            }
        }
    }
}
