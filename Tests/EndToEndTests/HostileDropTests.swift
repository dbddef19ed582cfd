import DurableFiles
import Foundation
import JobModel
import Testing

/// What a member of the group might drop to harm the daemon or the others, done as another user against a real daemon:
/// nothing outside is read, moved or removed, and an honest job beside it runs.
@Suite("Hostile drops", .enabled(if: getuid() == 0, "acting as two users needs root"))
struct HostileDropTests {
    /// `nobody` runs the daemon, this user attacks.
    private static let attacker: uid_t = 4242
    private static let daemonUser: uid_t = 65534

    @Test func nothingThatIsDroppedDoesHarm() async throws {
        let shop = try Workshop()
        try Self.handOver(shop)
        let secret = "\(shop.root)-secret.yaml"
        defer { unlink(secret) }
        try durableWrite(SmallJob.pretrain("stolen"), to: secret, mode: 0o600)
        try await attack(
            """
            cd '\(shop.root)/jobs'
            ln -s '\(secret)' link.yaml
            ln -s /etc/shadow shadow.yaml
            ln -s . loop.yaml
            mkfifo pipe.yaml
            mkdir folder.yaml
            head -c 300000 /dev/zero > huge.yaml
            truncate -s 1T sparse.yaml
            printf 'name: x\\000y\\n' > nul.yaml
            printf 'a: &a [*a]\\n' > anchor.yaml
            printf -- '- %.0s' $(seq 1 5000) > nested.yaml
            cp /dev/null empty.yaml
            echo 'name: two' > two.yaml; ln two.yaml two-names.yaml
            touch "$(printf 'n%.0s' $(seq 1 200)).yaml" "$(printf 'new\\nline.yaml')" "$(printf '\\033[31mred.yaml')" '-rf.yaml' '..yaml'
            printf 'name: evil\\nmethod: pretrain\\ndataset: {train: ../../../etc/passwd}\\n' > outside.yaml
            printf 'name: evil\\nmethod: pretrain\\ndataset: {train: /etc/passwd}\\n' > absolute.yaml
            """)
        try shop.drop(SmallJob.pretrain("honest"), as: "honest.yaml")
        chown("\(shop.root)/jobs/honest.yaml", Self.attacker, Self.daemonUser)
        let racing = try race(in: "\(shop.root)/jobs", against: secret)
        // Copies: the checkout may lie where others cannot go.
        let (program, worker) = (shop.root + "/bin/honed", shop.root + "/bin/hone-worker")
        try makeDirectory(shop.root + "/bin", mode: 0o755)
        for (original, copy) in [(Programs.daemon, program), (Programs.worker, worker)] {
            try FileManager.default.copyItem(atPath: original, toPath: copy)
        }
        let daemon = try RunningProgram(
            "/usr/bin/setpriv",
            ["--reuid=\(Self.daemonUser)", "--regid=\(Self.daemonUser)", "--clear-groups", program, "run", "--root", shop.root,
             "--worker", worker])
        // The attacker keeps a core busy, so this may take a while.
        for _ in 0..<2400 where daemon.process.isRunning && !shop.exists("\(shop.run("honest"))/result.json") {
            try await Task.sleep(for: .milliseconds(50))
        }
        try await Task.sleep(for: .seconds(3))
        #expect(racing.process.isRunning, "\(racing.standardError)")
        racing.kill(SIGKILL)
        try await racing.wait()
        daemon.kill(SIGTERM)
        try await daemon.wait()
        try #require(shop.exists("\(shop.run("honest"))/result.json"), "\(daemon.standardError.suffix(4000))")
        #expect(try shop.result("honest").outcome == .success, "\(daemon.standardError.suffix(4000))")
        #expect(fileKind(secret) == .file, "a file outside was moved")
        #expect(!shop.names(in: "runs").contains { $0.hasSuffix("-stolen") || $0.hasSuffix("-evil") }, "\(shop.names(in: "runs"))")
        let told = shop.names(in: "jobs/rejected").filter { $0.hasSuffix(".error.txt") }
            .map { (try? shop.text("jobs/rejected/\($0)")) ?? "" }.joined()
        #expect(!told.contains("root:"), "something of a file outside was told")
        #expect(shop.names(in: "jobs/rejected").contains("link.yaml") && shop.names(in: "jobs/rejected").contains("pipe.yaml"))
        #expect(shop.names(in: "jobs/rejected").contains { $0.hasPrefix("race") }, "\(shop.names(in: "jobs/rejected"))")
        #expect(!daemon.standardError.contains("\u{1B}[31m"), "a name wrote to the terminal")
    }

    /// The drop directory as it is installed: sticky, for the group; everything else is the daemon's.
    private static func handOver(_ shop: Workshop) throws {
        for name in ["", "/datasets", "/models"] { chmod("\(shop.root)\(name)", 0o755) }
        for name in ["", "/jobs"] + ["datasets", "models"].map({ "/\($0)" }) { chown("\(shop.root)\(name)", daemonUser, daemonUser) }
        for file in shop.names(in: "datasets") { chown("\(shop.root)/datasets/\(file)", daemonUser, daemonUser) }
        chmod("\(shop.root)/jobs", 0o3777)
    }

    private func attack(_ script: String) async throws {
        let program = try await run(
            "/usr/bin/setpriv", ["--reuid=\(Self.attacker)", "--regid=\(Self.attacker)", "--clear-groups", "/bin/bash", "-c", script])
        #expect(program.process.terminationStatus == 0, "\(program.standardError)")
    }

    /// Exchanges a good file with a link to the secret, for ever.
    private func race(in directory: String, against secret: String) throws -> RunningProgram {
        try RunningProgram(
            "/usr/bin/setpriv",
            ["--reuid=\(Self.attacker)", "--regid=\(Self.attacker)", "--clear-groups", "/bin/bash", "-c",
             """
             cd '\(directory)'
             while true; do
                 printf 'name: racer\\nbroken\\n' > .racer; mv -f .racer race.yaml 2>/dev/null
                 ln -sf '\(secret)' .racer 2>/dev/null; mv -f .racer race.yaml 2>/dev/null
             done
             """])
    }
}
