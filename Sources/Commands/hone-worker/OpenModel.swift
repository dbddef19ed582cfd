import ArgumentParser
import Compute
import Datasets
import DurableFiles
import Foundation
import Tokenization
import Training
import Transformer

/// Which model a command works with.
struct ModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A Hugging Face model directory.", valueName: "dir"))
    var model: String

    @Option(help: ArgumentHelp("A PEFT adapter directory on top of it.", valueName: "dir"))
    var adapter: String?

    @Option(help: ArgumentHelp("A Jinja file for conversations, instead of the model's template.", valueName: "file"))
    var chatTemplate: String?

    @Option(help: ArgumentHelp("Threads (default: all cores).", valueName: "n"))
    var threads: Int?

    /// The template that the adapter was trained with, where it brings one.
    fileprivate var adapterTemplate: String? {
        adapter.map { $0 + "/chat_template.jinja" }.flatMap { fileKind($0) == .file ? $0 : nil }
    }

    /// The model, its tokenizer and the threads to run it on.
    func open() throws -> OpenModel { try OpenModel(self) }
}

/// A frozen model that is ready to be used.
struct OpenModel {
    let model: LanguageModel
    let tokenizer: Tokenizer
    /// What renders conversations.
    let renderer: PromptRenderer
    let team: ThreadTeam

    fileprivate init(_ options: ModelOptions) throws {
        team = try ThreadTeam(threads: options.threads ?? ProcessInfo.processInfo.activeProcessorCount)
        let adapters = try options.adapter.map { AdapterPlan.loaded(try AdapterFolder($0), trained: false) }
        model = try LanguageModel(folder: options.model, adapters: adapters ?? .none, team: team)
        let folder = ModelFolder(options.model, chatTemplate: options.chatTemplate ?? options.adapterTemplate)
        tokenizer = try folder.tokenizer()
        renderer = try folder.renderer(tokenizer)
    }
}
