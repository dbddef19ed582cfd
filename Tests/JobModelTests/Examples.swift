/// Specifications that tests start from, in the words a person would write.
enum Examples {
    static let tiDPO = """
        name: smol-ti-dpo               # starts with a letter
        method: ti-dpo
        priority: 10
        idempotency_key: table3-row7
        resources:
          cpus: 4
          memory: auto
          time_limit: 36h
        model: smollm2-135m-instruct
        reference: cached
        dataset:
          train: hh-rlhf/train.jsonl
          eval: hh-rlhf/test.jsonl
          max_length: 512
          max_prompt_length: 256
        objective:
          preset: paper_eq
          beta: 0.1
          lambda: 0.7
          prior_sigma_div: 4
          gamma: 0.1
          triplet_margin: 0.1
          anchor_max_new: 64
        train:
          epochs: 1
          microbatch: 2
          accumulation: 16
          learning_rate: 5e-6
          schedule: cosine
          warmup: 150
          clip: 10
          seed: 7
        checkpoint: {every: 10min, every_steps: 50, keep_last: 2, keep_best: eval_rewards/accuracies}
        evaluate: {every_steps: 200}
        retry: {max_failures: 2, backoff: 60s, on: [crash, oom, io_error, hang]}
        determinism: strict
        """

    static let autoencoder = """
        name: pwc-ae
        method: gmsa-autoencoder
        resources: {cpus: 8, time_limit: 3d}
        model: smollm2-135m-instruct
        dataset: {train: pwc/train.jsonl, eval: pwc/test.jsonl, max_length: 512}
        objective:
          encoder: {layers: 8, lora_rank: 128, lora_alpha: 32, lora_dropout: 0.05}
          lsa: {layers: 1}
          rates: {train: [4, 8], sampling: sample}
        train: {steps: 10000, microbatch: 1, accumulation: 4, learning_rate: 1e-4,
                schedule: linear, clip: 2.0, seed: 42}
        checkpoint: {every: 15min, keep_last: 2, keep_best: eval_loss}
        """

    static let finetune = """
        name: pwc-qa
        method: gmsa-finetune
        after: pwc-ae
        resources: {cpus: 8, time_limit: 2d}
        model: smollm2-135m-instruct
        compressor: {job: pwc-ae}
        dataset: {train: pwc/train.jsonl, eval: pwc/test.jsonl}
        objective:
          stage2: {train: qkv}
          rates: {train: [4, 8], sampling: sample}
        train: {steps: 5000, microbatch: 1, accumulation: 16, learning_rate: 1e-5,
                schedule: linear, clip: 2.0, seed: 42}
        checkpoint: {every: 15min, keep_last: 2, keep_best: eval_f1}
        """

    static let pretrain = """
        name: tiny
        method: pretrain
        dataset: {train: corpus.txt}
        objective:
          architecture: {hidden_size: 96, heads: 4, key_value_heads: 2, layers: 2, context: 128}
          tokenizer: {vocabulary_size: 512}
        train: {steps: 100}
        """

    static let sft =
        "{name: s, method: sft, model: m, dataset: {train: rows.jsonl}, adapter: {rank: 4, targets: [v_proj, q_proj]}}"

    static let dpo =
        "{name: d, method: dpo, model: m, dataset: {train: pairs.jsonl}, objective: {label_smoothing: 0.1}}"

    static let all = [tiDPO, autoencoder, finetune, pretrain, sft, dpo]
}
