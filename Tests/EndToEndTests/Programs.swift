import Foundation

/// The programs under test, as they were built beside the tests.
enum Programs {
    static let daemon = path(of: "honed")
    static let command = path(of: "hone")
    static let worker = path(of: "hone-worker")

    private static func path(of name: String) -> String {
        let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: runner).deletingLastPathComponent().appending(path: name).path
    }
}

/// A process with its output in files, so that nothing it writes can block it.
final class RunningProgram {
    let process = Process()
    private let output: URL
    private let errors: URL

    /// Starts a program. The environment is the tests' own, with `environment` on top.
    init(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        let scratch = FileManager.default.temporaryDirectory
        let name = UUID().uuidString
        output = scratch.appending(path: "\(name).out")
        errors = scratch.appending(path: "\(name).err")
        for file in [output, errors] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
    }

    deinit {
        if process.isRunning { kill(SIGKILL) }
        for file in [output, errors] { try? FileManager.default.removeItem(at: file) }
    }

    var standardOutput: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }
    var standardError: String { (try? String(contentsOf: errors, encoding: .utf8)) ?? "" }

    func kill(_ signal: Int32) { _ = Foundation.kill(process.processIdentifier, signal) }

    /// Waits for the end; the exit status, or minus the signal that ended it. A program that takes longer is killed.
    @discardableResult
    func wait(seconds: Double = 120) async throws -> Int32 {
        let end = Date.now + seconds
        while process.isRunning {
            if Date.now > end {
                kill(SIGKILL)
                throw Late(what: process.arguments?.joined(separator: " ") ?? "", after: seconds, said: standardError)
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    struct Late: Error { let what: String, after: Double, said: String }
}

/// Runs a program to its end.
func run(_ path: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> RunningProgram {
    let program = try RunningProgram(path, arguments, environment: environment)
    try await program.wait()
    return program
}
