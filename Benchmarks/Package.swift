// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "Semblance", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    ],
    targets: [
        "IndexBenchmark", "ProductBenchmark", "TokenizerBenchmark", "LatencyBenchmark", "CrashBenchmark",
        "ChurnBenchmark",
    ].map { name in
        .executableTarget(
            name: name,
            dependencies: [
                .product(name: "Semblance", package: "Semblance"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        )
    },
    swiftLanguageModes: [.v6]
)
