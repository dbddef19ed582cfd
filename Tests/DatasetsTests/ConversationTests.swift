import Datasets
import TestFolders
import Testing

/// <user>hi|<assistant>yes|, with the beginning of an answer where that is asked for.
private let bars =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}|{% endfor %}"
    + "{% if add_generation_prompt %}<assistant>{% endif %}"

/// The same, marking what the assistant says without the bar behind it.
private let marked =
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    + "{% endgeneration %}{% else %}{{ m.content }}{% endif %}|{% endfor %}"
    + "{% if add_generation_prompt %}<assistant>{% endif %}"

/// Earlier answers are left out once others follow.
private let forgetful =
    "{% for m in messages %}<{{ m.role }}>{% if m.role != 'assistant' or loop.last %}{{ m.content }}{% endif %}|"
    + "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"

private func renderer(_ template: String) throws -> PromptRenderer {
    PromptRenderer(template: try ConversationTemplate(template, tokens: [("eos_token", "</s>")]))
}

private func message(_ role: String, _ content: String) -> String {
    "{\"role\": \"\(role)\", \"content\": \"\(content)\"}"
}

@Suite("Conversations of preference rows")
struct ConversationPairTests {
    private let row =
        "{\"prompt\": [\(message("user", "hi"))], \"chosen\": [\(message("assistant", "yes"))], "
        + "\"rejected\": [\(message("assistant", "no"))]}"

    @Test func templateDecidesAboutSpecialTokens() throws {
        let pair = try encodedExample(row, renderer: renderer(bars)).pair
        #expect(pair.prompt == ids("<user>hi|<assistant>"))
        #expect(pair.chosen == ids("yes|"))
        #expect(pair.rejected == ids("no|"))
    }

    @Test func systemMessagesAndEarlierTurnsAreThePrompt() throws {
        let turns = [message("system", "be"), message("user", "a"), message("assistant", "b"), message("user", "c")]
        let whole = row.replacing(message("user", "hi"), with: turns.joined(separator: ", "))
        let pair = try encodedExample(whole, renderer: renderer(bars)).pair
        #expect(pair.prompt == ids("<system>be|<user>a|<assistant>b|<user>c|<assistant>"))
        #expect(pair.chosen == ids("yes|"))
    }

    @Test func implicitPromptIsTheSharedMessages() throws {
        let whole =
            "{\"chosen\": [\(message("user", "hi")), \(message("assistant", "yes"))], "
            + "\"rejected\": [\(message("user", "hi")), \(message("assistant", "no"))]}"
        let pair = try encodedExample(whole, renderer: renderer(bars)).pair
        #expect(pair.prompt == ids("<user>hi|<assistant>"))
        #expect(pair.chosen == ids("yes|") && pair.rejected == ids("no|"))
    }

    @Test func implicitPromptLeavesAMessageToEachResponse() throws {
        let side = "[\(message("user", "hi")), \(message("assistant", "yes"))]"
        let result = try encodedExample("{\"chosen\": \(side), \"rejected\": \(side)}", renderer: renderer(bars))
        #expect(result.pair.chosen == ids("yes|") && result.pair.rejected == result.pair.chosen)
        #expect(result.report.identicalResponses == 1)
    }

    /// The response begins where the tokens part, also where the text parts within a token.
    @Test func promptEndsWhereTokensPart() throws {
        let template =
            "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}xa{% else %}!{% endif %}"
        let turns = row.replacing("yes", with: "xab").replacing("no", with: "xac")
        let result = try encodedExample(turns, codec: mergingCodec, renderer: renderer(template))
        #expect(result.pair.prompt == ids("hix"))
        #expect(result.pair.chosen == [1000] + ids("!") && result.pair.rejected == ids("ac!"))
        #expect(result.report.partedPrompts == 1)
        #expect(result.report.lines.contains { $0.contains("prompt ends otherwise once a response follows: 1") })
        #expect(try encodedExample(row, renderer: renderer(bars)).report.partedPrompts == 0)
    }

    @Test func answersWithoutContentAreEmptyResponses() throws {
        let empty = row.replacing("\"no\"", with: "\"\"")
        let error = try #require(throws: DatasetError.self) { try encodedExample(empty, renderer: renderer(bars)) }
        #expect(error.field == "rejected" && error.found == "an empty response")
    }

    @Test func withoutATemplateMessagesAreAnError() throws {
        let error = try #require(throws: DatasetError.self) { try encodedExample(row) }
        #expect(error.line == 1 && error.expected.contains("no chat template"))
        #expect(error.advice?.contains("dataset.chat_template") == true)
    }

    @Test func templatesCanRefuse() throws {
        let error = try #require(throws: DatasetError.self) {
            try encodedExample(row, renderer: renderer("{{ raise_exception('roles must alternate') }}"))
        }
        #expect(error.line == 1 && error.found.contains("roles must alternate"))
    }

    @Test func furtherFieldsReachTheTemplate() throws {
        let named = row.replacing("\"user\"", with: "\"user\", \"name\": \"ann\", \"n\": {\"k\": [1, 2.5, null]}")
        let template =
            "{% for m in messages %}{% if m.name %}{{ m.name }}{{ m.n.k }}{% endif %}{{ m.content }}"
            + "{% endfor %}{{ eos_token }}"
        let pair = try encodedExample(named, renderer: renderer(template)).pair
        #expect(pair.prompt == ids("ann[1, 2.5, None]hi"))
        #expect(pair.chosen == ids("yes</s>"))
    }

    @Test func theDateOfRowsIsFixed() throws {
        let pair = try encodedExample(row, renderer: renderer("{{ strftime_now('%Y-%m-%d') }}" + bars)).pair
        #expect(pair.prompt.starts(with: ids("2024-07-26")))
    }

    @Test func templatesArePartOfTheKey() throws {
        let (first, second) = (try renderer(bars), try renderer(marked))
        #expect(first.fingerprint != second.fingerprint && first.fingerprint != PromptRenderer().fingerprint)
        #expect(try renderer(bars).fingerprint == first.fingerprint)
    }
}

@Suite("Conversations of supervised rows")
struct ConversationSequenceTests {
    private let turns = [
        message("system", "be"), message("user", "a"), message("assistant", "one"), message("user", "b"),
        message("assistant", "two"),
    ]

    private func sequence(
        _ turns: [String], _ template: String, maximumLength: Int = 500
    ) throws -> EncodedSequence {
        let folder = try TestFolder()
        let dataset = try Dataset(
            try folder.write("d.jsonl", "{\"messages\": [\(turns.joined(separator: ", "))]}"))
        let encoder = SequenceEncoder(
            codec: byteCodec(), renderer: try renderer(template),
            settings: EncodingSettings(maximumLength: maximumLength))
        return try SequenceExamples(dataset, encoder, kind: .completions).sequence(0)
    }

    private func trained(_ sequence: EncodedSequence) -> [String] {
        sequence.trained.map { byteCodec().decode(Array(sequence.ids[$0])) }
    }

    @Test func everyAssistantTurnIsTrainedWithItsEnd() throws {
        let sequence = try sequence(turns, bars)
        #expect(sequence.ids == ids("<system>be|<user>a|<assistant>one|<user>b|<assistant>two|"))
        #expect(trained(sequence) == ["one|", "two|"])
        #expect(sequence.targetCount == 8)
    }

    @Test func markedSpansWin() throws {
        let sequence = try sequence(turns, marked)
        #expect(trained(sequence) == ["one", "two"])
        #expect(sequence.description(byteCodec()).contains("trained, 3 tokens:\none\nno loss, 20 tokens:\n|<user>b"))
    }

    @Test func packedRowsPredictExactlyTheTrainedTokens() throws {
        let packed = PackedSequences([try sequence(turns, bars), EncodedSequence(ids: [7, 8, 9], lossStart: 1)])
        #expect(packed.targets == ids("one|two|") + [8, 9])
        #expect(packed.headRows.map { packed.ids[Int($0) + 1] } == packed.targets)
        #expect(packed.scores == [0..<8, 8..<10])
    }

    /// The template writes nothing for a message without content, and the next turn begins as that one would have.
    @Test func turnsWithoutTextAreNotTrained() throws {
        let template =
            "{% for m in messages %}{% if m.content %}<{{ m.content }}|{% endif %}{% endfor %}"
            + "{% if add_generation_prompt %}<{% endif %}"
        let sequence = try sequence(
            [message("user", "a"), message("assistant", ""), message("user", "b"), message("assistant", "c")], template)
        #expect(sequence.ids == ids("<a|<b|<c|"))
        #expect(trained(sequence) == ["c|"])
    }

    /// Two turns without anything between them meet in the token "ab", which is trained once.
    @Test func turnsThatShareATokenBecomeOne() throws {
        let folder = try TestFolder()
        let turns = [message("user", "u"), message("assistant", "xa"), message("assistant", "by")]
        let dataset = try Dataset(
            try folder.write("d.jsonl", "{\"messages\": [\(turns.joined(separator: ", "))]}"))
        let encoder = SequenceEncoder(
            codec: mergingCodec, renderer: try renderer("{% for m in messages %}{{ m.content }}{% endfor %}"),
            settings: EncodingSettings(maximumLength: 500))
        let sequence = try SequenceExamples(dataset, encoder, kind: .completions).sequence(0)
        #expect(sequence.ids == ids("ux") + [1000] + ids("y"))
        #expect(sequence.trained == [1..<4])
    }

    @Test func aTemplateThatRewritesItsPastIsRefused() throws {
        let error = try #require(throws: DatasetError.self) { try sequence(turns, forgetful) }
        #expect(error.line == 1 && error.found.contains("message 3"))
        #expect(error.advice?.contains("generation") == true)
        #expect(try trained(sequence(Array(turns.prefix(3)), forgetful)) == ["one|"])
    }

    @Test func whatIsCutIsNotTrained() throws {
        let count = ids("<system>be|<user>a|<assistant>one|<user>b|").count
        #expect(try trained(sequence(turns, bars, maximumLength: count)) == ["one|"])
        #expect(try trained(sequence(turns, bars, maximumLength: count + 13)) == ["one|", "tw"])
    }

    @Test func conversationsWithoutAnAnswerAreRefused() throws {
        let error = try #require(throws: DatasetError.self) { try sequence(Array(turns.prefix(2)), bars) }
        #expect(error.found.contains("without an assistant message"))
    }

    @Test func answersThatRenderToNothing() throws {
        let silent = [message("user", "a"), message("assistant", "")]
        for template in [bars, marked] {
            let error = try #require(throws: DatasetError.self) { try sequence(silent, template) }
            #expect(error.line == 1 && error.found == "an empty completion")
        }
    }

    @Test func promptAndCompletionAsMessages() throws {
        let folder = try TestFolder()
        let dataset = try Dataset(
            try folder.write(
                "d.jsonl",
                "{\"prompt\": [\(turns[1])], \"completion\": [\(turns[2]), \(turns[3]), \(turns[4])]}"))
        let encoder = SequenceEncoder(codec: byteCodec(), renderer: try renderer(bars), settings: EncodingSettings())
        let sequence = try SequenceExamples(dataset, encoder, kind: .completions).sequence(0)
        #expect(trained(sequence) == ["one|<user>b|<assistant>two|"])
    }
}
