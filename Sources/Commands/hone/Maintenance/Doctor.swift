import ArgumentParser
import Supervision

struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Examine the installation and say what to do about what is wrong.",
        discussion: """
            Reads only. Run it as root, or as the owner of the queue, to have everything examined.

            Exit status: 0 nothing is wrong, warnings aside; 78 something has to be mended.

              hone doctor
              hone doctor --root ~/hone --json
            """)

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws {
        let findings = HealthExamination.all(of: root.place, worker: try? Engine.locate())
        if output.json { try printJSON(findings) } else { findings.forEach(Self.tell) }
        if findings.contains(where: { $0.verdict == .fail }) { throw ExitCode.configuration }
    }

    private static func tell(_ finding: HealthFinding) {
        let style: Style =
            switch finding.verdict {
            case .ok: .green
            case .warn: .yellow
            case .fail: .red
            }
        let word = finding.verdict.rawValue
        let padding = String(repeating: " ", count: 5 - word.count)
        Terminal.say("\(word.styled(style))\(padding)\(finding.check): \(finding.found)")
        if let advice = finding.advice { Terminal.say("       -> \(advice)") }
    }
}
