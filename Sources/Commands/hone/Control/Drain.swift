import ArgumentParser
import JobModel

struct Drain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start no more jobs; what runs goes on.",
        discussion: "It stays so over restarts of the daemon, until hone undrain.")

    @OptionGroup var silence: QuietOption
    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws { try setDraining("drain", silence, output, root) }
}

struct Undrain: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start jobs again after hone drain.")

    @OptionGroup var silence: QuietOption
    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws { try setDraining("undrain", silence, output, root) }
}

private func setDraining(
    _ word: String, _ silence: QuietOption, _ output: JSONOption, _ root: RootOption
) throws {
    let record = try askingDaemon { try DaemonClient(root.place).post(DaemonRecord.self, "/v1/\(word)") }
    if output.json { return try printJSON(record) }
    if silence.quiet { return }
    Terminal.say((record.draining ? "draining: nothing is started; " : "jobs are started; ") + record.status)
}
