import ArgumentParser
import Glibc
import Supervision

/// Makes a running daemon read its configuration again, and waits for its answer.
struct Reload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks the configuration, then makes the daemon read it; exit status 78 if it is wrong.",
        discussion: "A wrong configuration is never handed to the daemon, which goes on with the one it has.")

    @OptionGroup var options: RootOptions

    @Option(help: ArgumentHelp("Seconds to wait for the daemon's answer.", valueName: "seconds"))
    var timeout = 30

    func run() async throws {
        let root = options.place
        _ = try checkedConfiguration(root)
        guard let daemon = try environment["MAINPID"].flatMap({ Int32($0) }) ?? DaemonLock.holder(root) else {
            complain("no daemon works on this root; start one with: honed")
            throw ExitCode.unavailable
        }
        let before = ReloadReceipt.read(root)
        guard kill(daemon, SIGHUP) == 0 else {
            complain("process \(daemon) cannot be told: \(String(cString: strerror(errno)))")
            throw ExitCode.failure
        }
        try await waitForAnswer(root, other: before)
    }

    private func waitForAnswer(_ root: Root, other before: ReloadReceipt?) async throws {
        for _ in 0..<(timeout * 10) {
            if let receipt = ReloadReceipt.read(root), receipt != before {
                if receipt.errors.isEmpty { return }
                complain(receipt.errors)
                throw ExitCode.notConfigured
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        complain("the daemon did not answer within \(timeout) s")
        throw ExitCode.failure
    }
}
