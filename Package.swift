// swift-tools-version: 6.2
import PackageDescription

/// C is compiled without optimisation in debug builds; the kernels keep users' debug builds fast. The one unsafe flag.
let optimised: [CSetting] = [.unsafeFlags(["-O3"]), .treatAllWarnings(as: .error)]
let optimisedCXX: [CXXSetting] = [
    .unsafeFlags(["-O3"]), .treatAllWarnings(as: .error), .headerSearchPath("private"),
]

let swiftSettings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let collections: Target.Dependency = .product(name: "Collections", package: "swift-collections")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

func layer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(of name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name + "Tests",
        dependencies: dependencies + ["SemblanceTestSupport"],
        resources: resources,
        swiftSettings: swiftSettings
    )
}

let package = Package(
    name: "Semblance",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Semblance", targets: ["Semblance"]),
        .executable(name: "semblance", targets: ["SemblanceCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    ],
    targets: [
        // Level 0: C, C++ and system libraries.
        .target(name: "CSemblanceKernels", cSettings: optimised, linkerSettings: [.linkedLibrary("m")]),
        .target(
            name: "CSemblanceText",
            exclude: ["Tables"],
            cSettings: optimised,
            linkerSettings: [.linkedLibrary("m")]
        ),
        .systemLibrary(
            name: "CSemblanceBLAS",
            pkgConfig: "openblas",
            providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]
        ),
        .target(
            name: "CSemblanceFAISS",
            dependencies: ["CSemblanceKernels", "CSemblanceBLAS"],
            cxxSettings: optimisedCXX,
            linkerSettings: [
                .linkedLibrary("faiss"), .linkedLibrary("openblas"), .linkedLibrary("gomp"),
                .linkedLibrary("stdc++"), .linkedLibrary("m"),
            ]
        ),
        // Level 1: numbers; texts.
        layer("SemblanceNumerics", ["CSemblanceKernels"]),
        layer("SemblanceText", ["CSemblanceText"]),
        // Level 2: encoders; indexes; metrics.
        layer("SemblanceEncoders", ["SemblanceNumerics", "SemblanceText", "CSemblanceKernels"]),
        layer(
            "SemblanceRetrieval",
            ["SemblanceNumerics", "SemblanceText", "CSemblanceFAISS", "CSemblanceKernels", "CSemblanceText"]
        ),
        layer("SemblanceEvaluation", ["SemblanceNumerics", "SemblanceText", "CSemblanceKernels"]),
        // Level 3: training.
        layer(
            "SemblanceTraining",
            [
                "SemblanceNumerics", "SemblanceText", "SemblanceEncoders", "SemblanceRetrieval", "SemblanceEvaluation",
                "CSemblanceKernels", logging,
            ]
        ),
        // Level 4: the product.
        layer(
            "Semblance",
            [
                "SemblanceNumerics", "SemblanceText", "SemblanceEncoders", "SemblanceRetrieval", "SemblanceEvaluation",
                "SemblanceTraining",
            ]
        ),
        // Level 5: the command.
        .executableTarget(
            name: "SemblanceCommand",
            dependencies: ["Semblance", "SemblanceNumerics", argumentParser, logging],
            swiftSettings: swiftSettings
        ),
        // Tests.
        .target(
            name: "SemblanceTestSupport",
            dependencies: ["SemblanceNumerics", "SemblanceRetrieval"],
            path: "Tests/SemblanceTestSupport",
            swiftSettings: swiftSettings
        ),
        .target(name: "CAllocationProbe", path: "Tests/CAllocationProbe", cSettings: [.treatAllWarnings(as: .error)]),
        tests(of: "SemblanceNumerics", ["SemblanceNumerics", "CSemblanceKernels"], resources: [.copy("Fixtures")]),
        tests(of: "SemblanceText", ["SemblanceText"], resources: [.copy("Fixtures")]),
        tests(of: "SemblanceEncoders", ["SemblanceEncoders", "CSemblanceKernels"], resources: [.copy("Fixtures")]),
        tests(
            of: "SemblanceRetrieval",
            [
                "SemblanceRetrieval", "SemblanceEvaluation", "CSemblanceText", "CSemblanceFAISS", "CSemblanceKernels",
                "CAllocationProbe",
            ],
            resources: [.copy("Fixtures")]
        ),
        tests(of: "SemblanceEvaluation", ["SemblanceEvaluation"], resources: [.copy("Fixtures")]),
        tests(of: "SemblanceTraining", ["SemblanceTraining"], resources: [.copy("Fixtures")]),
        tests(of: "Semblance", ["Semblance"], resources: [.copy("Fixtures")]),
        tests(of: "SemblanceCommand", ["SemblanceCommand", "Semblance", argumentParser]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17,
    cxxLanguageStandard: .cxx17
)
