/// Good texts that the generator begins with.
enum Seeds {
    static let specifications = [
        """
        name: smol-ti-dpo
        method: ti-dpo
        priority: 10
        idempotency_key: table3-row7
        labels: {paper: ti-dpo, row: "7"}
        resources: {cpus: 4, memory: 12GiB, time_limit: 36h}
        model: smollm2-135m-instruct
        reference: cached
        dataset:
          train: hh-rlhf/train.jsonl
          eval: hh-rlhf/test.jsonl
          max_length: 512
        objective:
          beta: 0.1
          anchor_max_new: 64
        train: {epochs: 1, microbatch: 2, accumulation: 16, learning_rate: 5e-6, seed: 7}
        checkpoint: {every: 10min, every_steps: 50, keep_last: 2}
        retry: {max_failures: 2, backoff: 60s, on: [crash, oom, io_error, hang]}
        """,
        "name: a\nmethod: sft\nmodel: m\ndataset: {train: rows.jsonl}\ntrain: {steps: 10}\nafter: [b, 41, {job: c, when: any}]\n",
        """
        {"name": "p", "method": "pretrain", "dataset": {"train": "text.txt"}, "train": {"steps": 6, "seed": 1},
         "objective": {"architecture": {"hidden_size": 16, "layers": 2, "heads": 2}, "tokenizer": {"vocabulary_size": 280}}}
        """,
        "name: d\nmethod: dpo\nmodel: {job: lm}\ncomment: >\n  two\n  lines\nhold: true\nnot_before: 2030-01-02T03:04:05Z\ndataset: {train: r.jsonl}\n",
    ]
    static let specificationWords = [
        "name: ", "method: ", "model: ", "train: ", "after: ", "12GiB", "36h", "{job: x}", "sha256: ", "R&D", "a & b",
    ]
    static let headers = [
        #"{"a":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]},"__metadata__":{"format":"pt"}}"#,
        #"{"a":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},"b":{"dtype":"BF16","shape":[16],"data_offsets":[32,64]}}"#,
        #"{"x":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"y":{"dtype":"F16","shape":[4,11],"data_offsets":[8,96]}}"#,
        #"{}"#,
    ]
    static let rows = [
        #"{"prompt": "Mia has a cake.", "chosen": " Ben gets some.", "rejected": " no"}"#,
        #"{"messages": [{"role": "user", "content": "hi \u00e9\ud83d\ude00"}, {"role": "assistant", "content": "ho"}], "score": 1.5e3}"#,
        #"{"text": "a\n\t\"b\"", "extra": {"deep": [1, [2, [3, null, true]]]}}"#,
    ]
    static let workerLines = [
        #"{"type":"hello","v":1,"pid":42,"start_ticks":7,"boot_id":"b","build":"x"}"# + "\n"
            + #"{"type":"beat","mono_ms":12,"step":3,"phase":"train"}"# + "\n",
        #"{"type":"progress","step":5,"total":10,"loss":1.25,"lr":0.001,"tok_s":100.5,"eta_s":3,"rss":1024}"# + "\n",
        #"{"type":"checkpoint","step":5,"dir":"step-000000005","manifest_sha256":"abababababababababababababababababababababababababababababababab","bytes":9,"ms":3}"#
            + "\n" + #"{"type":"phase","name":"export"}"# + "\n",
        #"{"type":"result","outcome":"success","metrics":{"loss":1}}"# + "\n",
    ]
    static let tokenizers = [
        """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [{"id": 3, "content": "<s>", "special": true, "normalized": false}],
         "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "_"}, {"type": "NFC"}]},
         "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\\\s+|[a-z]+"}, "behavior": "Isolated", "invert": false},
         "post_processor": null, "decoder": {"type": "Fuse"},
         "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false, "byte_fallback": false,
                   "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}
        """,
        """
        {"added_tokens": [], "normalizer": null,
         "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
         "post_processor": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"},
         "model": {"type": "BPE", "vocab": {"h": 0, "e": 1, "l": 2, "o": 3, "ll": 4}, "merges": [["l", "l"]]}}
        """,
    ]
}
