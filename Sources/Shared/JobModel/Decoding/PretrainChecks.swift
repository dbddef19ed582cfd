/// The shape of a new model has to add up.
enum PretrainChecks {
    static func run(_ settings: inout PretrainObjective, _ spec: JobSpec, _ reader: inout SpecReader) {
        if spec.model != nil {
            for key in ["architecture", "tokenizer"] where reader.isWritten("objective.\(key)") {
                reader.report("objective.\(key)", "the job starts from a model, which brings its own")
            }
            return
        }
        guard var shape = settings.architecture else {
            if !reader.isFaulty("objective"), !reader.isFaulty("model") {
                reader.report(
                    "objective.architecture", "missing; write the shape of a new model, or a model to start from")
            }
            return
        }
        resolveHeads(&shape, &reader)
        settings.architecture = shape
        if settings.tokenizer == nil { settings.tokenizer = .train(vocabularySize: 2048) }
        if let longest = spec.dataset.maxLength, longest > shape.context {
            reader.report(
                "dataset.max_length", "\(longest) is longer than objective.architecture.context \(shape.context)")
        }
    }

    private static func resolveHeads(_ shape: inout ArchitectureSettings, _ reader: inout SpecReader) {
        let key = "objective.architecture"
        let keyValueHeads = shape.keyValueHeads ?? shape.heads
        shape.keyValueHeads = keyValueHeads
        if !shape.heads.isMultiple(of: keyValueHeads) {
            reader.report("\(key).key_value_heads", "\(keyValueHeads) does not divide heads \(shape.heads)")
        }
        if shape.headDimension == nil {
            guard shape.hiddenSize.isMultiple(of: shape.heads) else {
                reader.report(
                    "\(key).heads", "\(shape.heads) does not divide hidden_size \(shape.hiddenSize); or give head_dim")
                return
            }
            shape.headDimension = shape.hiddenSize / shape.heads
        }
        if let width = shape.headDimension, !width.isMultiple(of: 2) {
            reader.report("\(key).head_dim", "\(width) is odd; rotary positions turn pairs of channels")
        }
    }
}
