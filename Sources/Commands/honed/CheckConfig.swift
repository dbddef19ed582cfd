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
        do {
            let (configuration, origins) = try Configuration.load(options.place)
            if show { print(configuration.shown(origins: origins).joined(separator: "\n")) }
        } catch let errors as ConfigurationErrors {
            complain(errors.description)
            throw ExitCode.notConfigured
        }
    }
}
