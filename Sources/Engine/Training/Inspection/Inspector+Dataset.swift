import Datasets
import DurableFiles
import JobModel
import Transformer

extension Inspector {
    /// Rows: how many, of which kind, and which of them cannot be used.
    func dataset(_ inspection: inout Inspection) {
        let columns = spec.map { ColumnNames($0.dataset.columns) } ?? ColumnNames()
        guard let dataset = inspection.attempt({ try Dataset(paths, columns: columns) }) else {
            inspection.summary = "dataset: cannot be read"
            return
        }
        let kind = RowKind.guess(dataset)
        var census = RowCensus()
        for row in 0..<dataset.count where !census.isFull { census.look(at: row, dataset, as: kind) }
        describe(dataset, kind, census, &inspection)
        report(census, dataset, &inspection)
        // What only gmsa-finetune reads is no row of the encoding that sft has.
        if let model, census.problems.isEmpty, !census.hasAnswerLists { encode(dataset, kind, model, &inspection) }
        inspection.summary = "dataset: \(dataset.count) rows of \(kind.rawValue)"
    }

    private func describe(_ dataset: Dataset, _ kind: RowKind, _ census: RowCensus, _ inspection: inout Inspection) {
        inspection.add(
            "dataset",
            [
                ("rows", .number(dataset.count)), ("files", files(of: dataset)), ("kind", .text(kind.rawValue)),
                ("methods", .list(census.hasAnswerLists ? ["gmsa-finetune"] : kind.methods)),
                ("sha256", .text(dataset.digest)),
                ("mean_characters", .number(census.characters / max(1, census.seen - census.problems.count))),
                ("longest_characters", .number(census.longest)),
            ])
    }

    /// Each of several files with its rows, or of very many the first.
    private func files(of dataset: Dataset) -> Inspection.Fact? {
        let (parts, most) = (dataset.parts, 50)
        guard parts.count > 1 else { return nil }
        let rest = parts.count > most ? ["and \(parts.count - most) more files"] : []
        return .list(parts.prefix(most).map { "\($0.path): \($0.rowCount) rows" } + rest)
    }

    private func report(_ census: RowCensus, _ dataset: Dataset, _ inspection: inout Inspection) {
        for problem in census.problems { inspection.report(.error, problem) }
        if census.isFull, census.seen < dataset.count {
            inspection.report(
                .error, "\(census.problems.count) rows of the first \(census.seen) cannot be used; the others were not "
                    + "looked at")
        }
        if census.empty > 0 {
            inspection.report(
                .warning,
                "\(census.empty) rows with an empty response, the first at \(place(census.firstEmpty, dataset)): a job "
                    + "refuses them unless dataset.on_empty is drop")
        }
        if census.identical > 0 {
            inspection.report(
                .warning,
                "\(census.identical) pairs of identical responses, the first at "
                    + "\(place(census.firstIdentical, dataset)): they teach nothing")
        }
    }

    private func place(_ row: Int?, _ dataset: Dataset) -> String { row.map(dataset.place) ?? "" }

    /// Lengths in tokens, and what is cut or left out, as a job with the usual settings does it.
    private func encode(_ dataset: Dataset, _ kind: RowKind, _ model: String, _ inspection: inout Inspection) {
        let found: (lines: [String], limit: Int)? = inspection.attempt {
            let (folder, configuration) = (ModelFolder(model), try ModelConfiguration(folder: model))
            let tokenizer = try folder.tokenizer()
            let codec = try TextCodec(folder, tokenizer, configuration)
            let renderer = try folder.renderer(tokenizer)
            let settings = try spec.map { try EncodingSettings($0.dataset, contextLength: configuration.trainedLength) }
                ?? EncodingSettings(maximumLength: configuration.trainedLength, emptyResponses: .drop)
            let report =
                switch kind {
                case .preference:
                    try PairExamples(dataset, PairEncoder(codec: codec, renderer: renderer, settings: settings)).report
                case .completion, .conversation:
                    try SequenceExamples(
                        dataset, SequenceEncoder(codec: codec, renderer: renderer, settings: settings),
                        kind: .completions
                    ).report
                case .text:
                    try SequenceExamples(
                        dataset, SequenceEncoder(codec: codec, renderer: renderer, settings: settings), kind: .documents
                    ).report
                }
            return (report.lines, settings.maximumLength)
        }
        if let found {
            inspection.add(
                "tokens", [("model", .text(model)), ("max_length", .number(found.limit)), ("rows", .list(found.lines))])
        }
    }
}

/// What the rows of a dataset are.
private enum RowKind: String {
    case preference = "preference pairs"
    case completion = "prompts with completions"
    case conversation = "conversations"
    case text = "plain text"

    /// Methods that read such rows.
    var methods: [String] {
        switch self {
        case .preference: ["dpo", "ti-dpo"]
        case .completion: ["sft", "gmsa-finetune"]
        case .conversation: ["sft"]
        case .text: ["pretrain", "sft", "gmsa-autoencoder"]
        }
    }

    /// The kind of the first row that can be read as any; rows of another kind are then reported.
    static func guess(_ dataset: Dataset) -> RowKind {
        for row in 0..<min(dataset.count, 16) {
            if (try? dataset.preference(row)) != nil { return .preference }
            if (try? dataset.question(row)) != nil { return .completion }
            switch try? dataset.completion(row) {
            case .completion: return .completion
            case .messages: return .conversation
            case .text: return .text
            case nil: continue
            }
        }
        return .preference
    }
}

/// Counts over the rows.
private struct RowCensus {
    /// Enough to see what is wrong. Finding the line of a row costs a walk through its file.
    private static let mostProblems = 20

    private(set) var seen = 0
    private(set) var problems: [String] = []
    private(set) var empty = 0
    private(set) var firstEmpty: Int?
    private(set) var identical = 0
    private(set) var firstIdentical: Int?
    private(set) var characters = 0
    private(set) var longest = 0
    private(set) var hasAnswerLists = false

    var isFull: Bool { problems.count >= Self.mostProblems }

    mutating func look(at row: Int, _ dataset: Dataset, as kind: RowKind) {
        seen += 1
        do {
            switch kind {
            case .preference: add(try dataset.preference(row), row)
            case .text: count([.text(try dataset.text(row))])
            case .completion: try addCompletion(row, dataset)
            case .conversation: add(try dataset.completion(row), row)
            }
        } catch {
            problems.append("\(error)")
        }
    }

    private mutating func add(_ pair: PreferenceRow, _ row: Int) {
        count([pair.prompt, pair.chosen, pair.rejected].compactMap { $0 })
        if pair.chosen.characters == 0 || pair.rejected.characters == 0 { noteEmpty(row) }
        if pair.chosen == pair.rejected {
            identical += 1
            firstIdentical = firstIdentical ?? row
        }
    }

    private mutating func add(_ completion: CompletionRow, _ row: Int) {
        switch completion {
        case .completion(let prompt, let response):
            count([prompt, response])
            if response.characters == 0 { noteEmpty(row) }
        case .messages(let messages): count([.messages(messages)])
        case .text(let text): count([.text(text)])
        }
    }

    /// Questions of gmsa-finetune may have a list of answers.
    private mutating func addCompletion(_ row: Int, _ dataset: Dataset) throws {
        do {
            add(try dataset.completion(row), row)
        } catch {
            guard let question = try? dataset.question(row) else { throw error }
            hasAnswerLists = true
            let answer = question.answers.first { !$0.isEmpty } ?? ""
            add(.completion(prompt: .text(question.prompt), completion: .text(answer)), row)
        }
    }

    private mutating func noteEmpty(_ row: Int) {
        empty += 1
        firstEmpty = firstEmpty ?? row
    }

    private mutating func count(_ contents: [RowContent]) {
        let length = contents.reduce(0) { $0 + $1.characters }
        characters += length
        longest = max(longest, length)
    }
}

extension RowContent {
    /// Unicode scalars of all that is said.
    fileprivate var characters: Int {
        switch self {
        case .text(let text): text.unicodeScalars.count
        case .messages(let messages): messages.reduce(0) { $0 + $1.content.unicodeScalars.count }
        }
    }
}
