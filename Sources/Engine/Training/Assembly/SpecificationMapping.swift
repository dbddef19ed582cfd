import Alignment
import Datasets
package import JobModel
package import Transformer

// The specification's values as the engine's own: the two planes share no types, and this is where they meet.

extension Datasets.ColumnNames {
    init(_ columns: DatasetColumns) {
        self.init()
        prompt = columns.prompt
        chosen = columns.chosen
        rejected = columns.rejected
        completion = columns.response
        text = columns.text
        messages = columns.messages
    }
}

extension EncodingSettings {
    /// - Parameter contextLength: positions of the model; the longest sequence unless the specification says less.
    init(_ settings: DatasetSettings, contextLength: Int) throws {
        let length = settings.maxLength ?? contextLength
        guard length <= contextLength else {
            throw TrainingError.specification(
                "dataset.max_length: \(length) is longer than the \(contextLength) positions of the model")
        }
        guard length >= 2 else { throw TrainingError.specification("dataset.max_length: expected at least 2") }
        self.init(
            maximumLength: length, maximumPromptLength: settings.maxPromptLength,
            truncation: EncodingSettings.Truncation(settings.truncation),
            joining: settings.tokenize == .joint ? .joint : .separate,
            emptyResponses: settings.onEmpty == .drop ? .drop : .error)
    }
}

extension EncodingSettings.Truncation {
    init(_ truncation: JobModel.Truncation) {
        self =
            switch truncation {
            case .keepStart: .keepStart
            case .keepEnd: .keepEnd
            case .fail: .fail
            }
    }
}

extension Transformer.AdapterSettings {
    /// The settings of a specification.
    package init(_ settings: JobModel.AdapterSettings) {
        let targets: Targets =
            switch settings.targets {
            case .all: .allLinear
            case .named(let names): .named(names.map(\.rawValue))
            case .expression(let expression): .expression(expression)
            }
        self.init(
            rank: settings.rank, alpha: settings.alpha, dropout: settings.dropout, targets: targets,
            layers: settings.layers, isRankStabilized: settings.rslora, rankPattern: settings.rankPattern,
            alphaPattern: settings.alphaPattern, modulesToSave: settings.modulesToSave)
    }
}

extension ModelConfiguration {
    /// The configuration of a new Llama model.
    init(_ shape: ArchitectureSettings, vocabularySize: Int, endOfSequence: Int32?, beginOfSequence: Int32?) throws {
        try self.init(
            family: .llama, vocabularySize: vocabularySize, hiddenSize: shape.hiddenSize,
            intermediateSize: shape.intermediateSize, layerCount: shape.layers, headCount: shape.heads,
            keyValueHeadCount: shape.keyValueHeads, headDimension: shape.headDimension,
            normEpsilon: shape.rmsNormEpsilon, rotary: RotarySettings(theta: shape.ropeTheta),
            trainedLength: shape.context, tiesEmbeddings: shape.tieEmbeddings, beginOfSequenceID: beginOfSequence,
            endOfSequenceIDs: endOfSequence.map { [$0] } ?? [], initializerRange: shape.initializerRange)
    }
}

extension TIDPOSettings {
    init(_ objective: TIDPOObjective) {
        self.init()
        beta = objective.beta
        baseObjective =
            switch objective.baseObjective {
            case .dpo: .dpo
            case .tdpo1: .tdpo1
            case .tdpo2: .tdpo2
            }
        divergenceAlpha = objective.klAlpha
        divergenceWeight = objective.klCoefficient
        tripletWeight = objective.gamma
        tripletMargin = objective.tripletMargin
        tripletNormalization = objective.tripletNormalize == .mean ? .mean : .none
        importance = TokenImportance(objective)
        attributionTarget =
            switch objective.attributionTarget {
            case .predictLast: .predictLast
            case .afterLast: .afterLast
            case .responseNLL: .responseNLL
            case .margin: .margin
            }
    }
}

extension TokenImportance {
    init(_ objective: TIDPOObjective) {
        let scale: Scale =
            switch objective.weightScale {
            case .meanOne: .meanOne
            case .sumOne: .sumOne
            case .paperLiteral: .paperLiteral
            case .maxOne: .maxOne
            }
        self.init(
            gradientShare: objective.lambda, priorWidthDivisor: objective.priorSigmaDivisor,
            priorWidthFloor: objective.priorSigmaFloor, scale: scale,
            span: objective.span == .full ? .full : .response, norm: objective.attributionNorm == .l2 ? .l2 : .l1)
    }
}
