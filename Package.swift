// swift-tools-version: 6.2
import PackageDescription

// Two planes that never import each other: the control plane (honed, hone) and the engine
// (hone-worker). They share JobModel, DurableFiles and JSON. ARCHITECTURE.md tells the rest.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Swift must read the headers of CKernels as the compiler of CKernels does.
    .unsafeFlags(["-Xcc", "-DHONE_DOUBLE"], .when(traits: ["DoublePrecision"])),
]

let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let nio: [Target.Dependency] = ["NIOCore", "NIOPosix", "NIOHTTP1"].map { .product(name: $0, package: "swift-nio") }

func room(_ name: String, in floor: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(floor)/\(name)", swiftSettings: strict)
}

func command(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies + [arguments], path: "Sources/Commands/\(name)", swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(name)", resources: resources, swiftSettings: strict)
}

let native: [Target] = [
    .target(
        name: "CKernels", path: "Sources/Native/CKernels",
        cSettings: [
            .define("HONE_DOUBLE", .when(traits: ["DoublePrecision"])),
            .unsafeFlags(["-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]),
        ]),
    .target(name: "CLinux", path: "Sources/Native/CLinux"),
    .target(name: "CDigest", path: "Sources/Native/CDigest", cSettings: [.unsafeFlags(["-O3"])]),
    .systemLibrary(
        name: "COpenBLAS", path: "Sources/Native/COpenBLAS", pkgConfig: "openblas",
        providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
        name: "CZlib", path: "Sources/Native/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
        name: "CZstd", path: "Sources/Native/CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
        name: "CSystemd", path: "Sources/Native/CSystemd", pkgConfig: "libsystemd",
        providers: [.apt(["libsystemd-dev"])]),
]

let shared: [Target] = [
    room("JobModel", in: "Shared", ["JSON", yams]),
    room("DurableFiles", in: "Shared", ["CLinux", "CDigest", systemPackage]),
    room("JSON", in: "Shared", []),
]

let engine: [Target] = [
    room("Compute", in: "Engine", ["CKernels", "COpenBLAS"]),
    room("Safetensors", in: "Engine", ["JSON", "DurableFiles", systemPackage]),
    room("Tokenization", in: "Engine", ["JSON"]),
    room("ChatTemplates", in: "Engine", []),
    room("Transformer", in: "Engine", ["Compute", "Safetensors", "Tokenization", "JSON", "DurableFiles"]),
    room("Alignment", in: "Engine", ["Compute"]),
    room("ContextCompression", in: "Engine", ["Transformer", "Compute", "Safetensors", "JSON", "DurableFiles"]),
    room(
        "Datasets", in: "Engine",
        ["Tokenization", "ChatTemplates", "Compute", "JSON", "DurableFiles", "CZlib", "CZstd"]),
    room(
        "Training", in: "Engine",
        [
            "Compute", "Safetensors", "Tokenization", "Transformer", "Alignment", "ContextCompression", "Datasets",
            "JobModel", "JSON", "DurableFiles",
        ]),
]

let control: [Target] = [
    room("JobQueue", in: "Control", ["JobModel", "DurableFiles", "CLinux", grdb]),
    room("Systemd", in: "Control", ["CSystemd", logging]),
    room(
        "Supervision", in: "Control",
        ["JobQueue", "JobModel", "Systemd", "DurableFiles", "CLinux", subprocess, lifecycle, logging, systemPackage]),
    room("ControlSocket", in: "Control", ["Supervision", "JobQueue", "JobModel", lifecycle, logging] + nio),
]

let commands: [Target] = [
    command("honed", ["ControlSocket", "Supervision", "JobQueue", "JobModel", "Systemd", "DurableFiles", logging]),
    command("hone", ["Supervision", "JobQueue", "JobModel", "DurableFiles", logging]),
    // Not a product: times steps, generation and scoring for Benchmarks/speed.
    .executableTarget(
        name: "hone-bench",
        dependencies: [
            "Training", "Transformer", "ContextCompression", "Datasets", "Tokenization", "Safetensors", "Compute",
            "JobModel", "DurableFiles", arguments,
        ],
        path: "Benchmarks/hone-bench", swiftSettings: strict),
    // Not a product: times the operations of the queue for Benchmarks/queue.
    .executableTarget(
        name: "hone-queue-bench", dependencies: ["JobQueue", "JobModel", grdb, arguments],
        path: "Benchmarks/queue/hone-queue-bench", swiftSettings: strict),
    command(
        "hone-worker",
        [
            "Training", "Transformer", "Alignment", "ContextCompression", "Datasets", "Tokenization", "Safetensors",
            "Compute", "JobModel", "DurableFiles", "CLinux",
        ]),
]

let testing: [Target] = [
    .target(name: "CMalloc", path: "Tests/CMalloc"),
    .target(name: "SeededRandom", path: "Tests/SeededRandom", swiftSettings: strict),
    .target(name: "TestFolders", dependencies: ["DurableFiles"], path: "Tests/TestFolders", swiftSettings: strict),
    .target(
        name: "TestSupport",
        dependencies: ["Compute", "Safetensors", "Transformer", "JSON", "DurableFiles", "TestFolders"],
        path: "Tests/TestSupport", swiftSettings: strict),
    tests("JSONTests", ["JSON", "SeededRandom"]),
    tests("ComputeTests", ["Compute", "CKernels", "TestSupport"]),
    tests("SafetensorsTests", ["Safetensors", "DurableFiles", "TestFolders"]),
    tests("TokenizationTests", ["Tokenization", "SeededRandom", "TestFolders"]),
    tests("ChatTemplatesTests", ["ChatTemplates", "TestFolders"]),
    tests(
        "TransformerTests",
        ["Transformer", "Compute", "Safetensors", "JSON", "DurableFiles", "CMalloc", "TestFolders", "TestSupport"]),
    tests("AlignmentTests", ["Alignment", "Compute", "JSON", "TestSupport"]),
    tests(
        "ContextCompressionTests",
        [
            "ContextCompression", "Transformer", "Compute", "Safetensors", "JSON", "DurableFiles", "TestFolders",
            "TestSupport",
        ]),
    tests(
        "DatasetsTests",
        ["Datasets", "Tokenization", "ChatTemplates", "Compute", "DurableFiles", "CZlib", "CZstd", "TestFolders"]),
    tests(
        "TrainingTests",
        [
            "Training", "ContextCompression", "Transformer", "Alignment", "Datasets", "Compute", "Safetensors",
            "JobModel", "DurableFiles", "TestFolders", "TestSupport",
        ]),
    tests(
        "GoldenTests",
        [
            "Training", "Transformer", "Alignment", "Compute", "Safetensors", "Tokenization", "JSON", "DurableFiles",
            "TestFolders", "TestSupport",
        ]),
    tests("JobModelTests", ["JobModel", "SeededRandom"]),
    tests(
        "FuzzTests",
        [
            "JobModel", "Safetensors", "Datasets", "Tokenization", "ChatTemplates", "Transformer", "ContextCompression",
            "Training", "Supervision", "Compute", "DurableFiles", "SeededRandom", "TestFolders",
        ]),
    tests("DurableFilesTests", ["DurableFiles", "CDigest", "TestFolders"]),
    tests("JobQueueTests", ["JobQueue", "JobModel", "SeededRandom", "TestFolders", grdb]),
    tests("SystemdTests", ["Systemd"]),
    tests(
        "SupervisionTests",
        ["Supervision", "JobQueue", "JobModel", "DurableFiles", "CLinux", "SeededRandom", "TestFolders", logging]),
    tests(
        "ControlSocketTests",
        ["ControlSocket", "Supervision", "JobQueue", "JobModel", "DurableFiles", "SeededRandom", lifecycle, logging]),
    tests(
        "EndToEndTests",
        ["Supervision", "JobModel", "DurableFiles", "SeededRandom", "honed", "hone", "hone-worker", grdb]),
]

let package = Package(
    name: "hone",
    products: [
        .executable(name: "honed", targets: ["honed"]),
        .executable(name: "hone", targets: ["hone"]),
        .executable(name: "hone-worker", targets: ["hone-worker"]),
    ],
    traits: [
        .trait(
            name: "DoublePrecision",
            description: "Compile the engine with Real = Double: gradient checks by central differences.")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: native + shared + engine + control + commands + testing,
    cLanguageStandard: .gnu17
)
