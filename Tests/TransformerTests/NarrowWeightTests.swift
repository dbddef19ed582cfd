#if !DoublePrecision
    import Compute
    import DurableFiles
    import TestFolders
    import TestSupport
    import Testing
    import Transformer

    private let processorHasBFloat16 = (try? ThreadTeam(threads: 1, products: .bfloat16).products) == .bfloat16

    @Suite(
        "Frozen weights that stay in bfloat16",
        .enabled(if: processorHasBFloat16, "this processor has no AVX512-BF16"))
    struct NarrowWeightTests {
        private let team: ThreadTeam
        private let folder: TestFolder
        private let tokens = tinyTokens(40, seed: 5, vocabularySize: 48)

        init() throws {
            team = try ThreadTeam(threads: 2, products: .bfloat16)
            folder = try TestFolder()
        }

        /// Every side of every product is at least 32, so that mapped and converted weights take the same kernels.
        private func configuration(tied: Bool) throws -> ModelConfiguration {
            try ModelConfiguration(
                family: .llama, vocabularySize: 48, hiddenSize: 64, intermediateSize: 96, layerCount: 2, headCount: 2,
                keyValueHeadCount: 1, headDimension: 32, trainedLength: 64, tiesEmbeddings: tied,
                biases: BiasPlacement(), window: nil, endOfSequenceIDs: [2], initializerRange: 0.1)
        }

        private func save(_ model: LanguageModel, _ element: SavedElement) throws -> String {
            let name = "\(element)"
            var directory = try DurableDirectory(in: folder.path, name: name, temporaryName: name + ".tmp")
            try model.save(into: &directory, ModelSaveOptions(element: element), team: team)
            try directory.publish()
            return folder.path + "/" + name
        }

        private func load(_ path: String) throws -> LanguageModel {
            let settings = AdapterSettings(rank: 32, alpha: 32)
            return try LanguageModel(folder: path, adapters: .fresh(settings, seed: 3), team: team)
        }

        /// The same numbers from a BF16 file, mapped, and from an F32 file: the same bits come out.
        @Test(arguments: [true, false])
        func equalConvertedWeights(tied: Bool) throws {
            let drawn = try LanguageModel(configuration(tied: tied), from: .random(seed: 1), team: team)
            let narrow = try load(save(drawn, .bfloat16))
            let wide = try load(save(narrow, .float32))
            let matrices = narrow.weights.entries.filter(\.isMatrix).reduce(0) { $0 + $1.count }
            #expect(narrow.weights.convertedByteCount < matrices, "matrices stay mapped")

            let runs = try [narrow, wide].map { model in
                let run = try ModelRun(model, sequences: [tokens], team: team)
                run.forward()
                run.gradient.fill(-1)
                model.parameters?.zeroGradients(team)
                run.backward()
                return run
            }
            #expect(runs[0].scores.logProbabilities.doubles == runs[1].scores.logProbabilities.doubles)
            let gradients = runs.map { $0.model.parameters?.gradients?.doubles ?? [] }
            #expect(gradients[0] == gradients[1])
            #expect(gradients[0].contains { $0 != 0 })
        }

        @Test func savingKeepsEveryNumber() throws {
            let drawn = try LanguageModel(configuration(tied: false), from: .random(seed: 2), team: team)
            let first = try save(drawn, .bfloat16)
            let bytes = try readFile(first + "/model.safetensors", limit: 1 << 24)
            let loaded = try LanguageModel(folder: first, team: team)
            var directory = try DurableDirectory(in: folder.path, name: "again", temporaryName: "again.tmp")
            try loaded.save(into: &directory, ModelSaveOptions(element: .bfloat16), team: team)
            try directory.publish()
            #expect(try readFile(folder.path + "/again/model.safetensors", limit: 1 << 24) == bytes)
        }
    }
#endif
