import ArgumentParser
import JobModel

struct Methods: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List training methods, or every key of one method.",
        discussion: """
              hone methods
              hone methods ti-dpo
            """)

    @Argument(help: ArgumentHelp("Show the keys of this method.", valueName: "method"))
    var method: String?

    @OptionGroup var output: JSONOption

    func run() throws {
        guard let method else { return try list() }
        guard let found = Method(rawValue: method) else {
            let known = Method.allCases.map(\.rawValue).joined(separator: ", ")
            Terminal.complain("no method \(method); there are \(known)")
            throw ExitCode.usage
        }
        try describe(found.specificationKeys)
    }

    private func list() throws {
        if output.json { return try printJSON(MethodDescription.all) }
        var table = Table([("METHOD", .left), ("", .left), ("TRAINS", .left)])
        for method in MethodDescription.all {
            let note = method.isImplemented ? Table.Cell("") : Table.Cell("not in this build", .faint)
            table.add([Table.Cell(method.method.rawValue), note, Table.Cell(method.summary)])
        }
        table.print()
        Terminal.say("\nhone methods NAME lists its keys.")
    }

    private func describe(_ keys: [KeyDescription]) throws {
        if output.json { return try printJSON(keys) }
        for key in keys {
            Terminal.say(key.path.styled(.bold) + (key.defaultValue.map { " = \($0)" } ?? ""))
            Terminal.say("    \(key.meaning)")
            Terminal.say("    \(key.type)".styled(.faint))
        }
    }
}
