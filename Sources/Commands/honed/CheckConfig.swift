import ArgumentParser
import Supervision

/// Checks the configuration and touches nothing.
struct CheckConfig: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Checks the configuration; exit status 78 if it is wrong.")

    @OptionGroup var options: RootOptions

    @Flag(help: "Print the resulting configuration with the origin of each value.")
    var show = false

    func run() throws {
        let (configuration, origins) = try checkedConfiguration(options.place)
        if show { print(configuration.shown(origins: origins).joined(separator: "\n")) }
    }
}
