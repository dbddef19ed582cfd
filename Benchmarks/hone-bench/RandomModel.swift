import ArgumentParser
import Compute
import DurableFiles
import JobModel
import Transformer

/// A model folder with random weights in the shape that a config.json describes.
struct RandomModel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Writes a model of random weights: config.json and model.safetensors.")

    @Option(help: "A folder with a config.json.") var shape: String
    @Option(help: "The folder that holds the new one.") var parent: String
    @Option(help: "Name of the new folder.") var name: String

    @Option(help: "What the file holds: bfloat16 with bf16.") var precision = Precision.fp32

    func run() throws {
        let team = try ThreadTeam(threads: 1)
        let model = try LanguageModel(ModelConfiguration(folder: shape), from: .random(seed: 1), team: team)
        var directory = try DurableDirectory(in: parent, name: name, temporaryName: ".\(name).tmp")
        let element: SavedElement = precision == .bf16 ? .bfloat16 : .float32
        try model.save(into: &directory, ModelSaveOptions(element: element), team: team)
        try directory.publish()
    }
}
