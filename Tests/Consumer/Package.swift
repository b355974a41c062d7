// swift-tools-version: 6.2
// What a package that depends on a version of Semblance looks like; `.ci/run` builds and runs it.
import PackageDescription

let dependencies: [Target.Dependency] = [.product(name: "Semblance", package: "Semblance")]

/// The examples of the documents, which `.ci/extract-snippets` puts there.
let snippets: [Target] =
    Context.environment["SEMBLANCE_SNIPPETS"] == nil
    ? [] : [.executableTarget(name: "Snippets", dependencies: dependencies)]

let package = Package(
    name: "Consumer",
    platforms: [.macOS(.v15)],
    dependencies: [.package(url: Context.environment["SEMBLANCE_URL"] ?? "../..", from: "0.1.0")],
    targets: [
        .executableTarget(
            name: "Consumer",
            dependencies: dependencies,
            swiftSettings: [.enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("ExistentialAny")]
        )
    ] + snippets,
    swiftLanguageModes: [.v6]
)
