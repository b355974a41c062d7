internal import Foundation

/// How much of the long tests is run: 1 unless `SEMBLANCE_TEST_SCALE` says more.
package let testScale = ProcessInfo.processInfo.environment["SEMBLANCE_TEST_SCALE"].flatMap(Int.init) ?? 1

/// The first seed of the tests that go through many: 0 unless `SEMBLANCE_TEST_SEED` says another.
package let firstSeed = ProcessInfo.processInfo.environment["SEMBLANCE_TEST_SEED"].flatMap(UInt64.init) ?? 0
