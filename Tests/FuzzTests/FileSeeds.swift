/// Good files that the generator begins with.
enum FileSeeds {
    static let commaSeparated = [
        "prompt,chosen,rejected\nMia has a cake.,She shares.,She eats.\nBen runs.,He wins.,He falls.\n",
        "\u{FEFF}id,prompt,chosen,rejected\r\n1,\"a, b\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n2,c,d,e\r\n",
        "rejected,chosen,prompt\n\"\",x,y\n",
    ]

    static let templates = [
        """
        {% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' }}
        {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
        """,
        """
        {{- bos_token }}{%- set ns = namespace(found=false, n=0) %}
        {%- for m in messages if m.role != 'system' %}
            {%- set ns.n = ns.n + 1 %}
            {%- if (loop.index0 % 2 == 0) != (m['role'] == 'user') %}{{ raise_exception('roles') }}{% endif %}
            {%- if loop.last and not ns.found %}{% generation %}{{ m.content[0:3] ~ loop.length }}{% endgeneration %}
            {%- else %}{{ m | tojson(indent=2) }}{% endif %}
        {%- endfor %}
        """,
        """
        {% macro show(x, y='z') %}[{{ x.split(' ') | join(y) | upper | replace('A', 'b') }}]{% endmacro %}
        {{ show(messages[0].content) }}{{ strftime_now('%Y-%m-%d') }}{# note #}{{ range(3) | list }}
        {{ (messages | selectattr('role', 'equalto', 'user') | first).content if messages is defined else none }}
        """,
    ]
    static let templateWords = [
        "{% for i in range(100000000) %}", "{% endfor %}", "{{ 'a' * 1000000000 }}", "{% if ", "%}", "{{", "}}", "{%-", "-%}",
        " | ", "loop.", "messages", "range(", "namespace(", "[::-1]", "[-1]", "**", "//", " % 0", " / 0", "~", "not ", " in ",
        " is defined", "{{ show(show) }}", "{% macro show(x) %}{{ show(x) }}{% endmacro %}", ".format(", ".__class__", "(((((((",
        "{% break %}", "{% set x = [x, x] %}", "|tojson", "|length", "9223372036854775807",
    ]

    static let models = [
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 64, "hidden_size": 16,
         "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
         "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": [2, 3], "attention_bias": false,
         "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                          "original_max_position_embeddings": 64}}
        """,
        """
        {"model_type": "qwen3", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3,
         "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 256,
         "rms_norm_eps": 1e-6, "tie_word_embeddings": false, "hidden_act": "silu", "use_sliding_window": false,
         "sliding_window": null, "eos_token_id": 5, "torch_dtype": "bfloat16"}
        """,
        """
        {"model_type": "mistral", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 2, "sliding_window": 32, "rms_norm_eps": 1e-5, "hidden_act": "silu"}
        """,
    ]
    static let modelWords = [
        "\"head_dim\"", "\"hidden_size\"", "\"num_key_value_heads\"", "\"gelu\"", "\"gpt2\"", "\"rope_scaling\"", "\"yarn\"",
        "\"layer_types\"", "\"quantization_config\"", "\"num_hidden_layers\"", "3", "1048577",
    ]

    static let adapters = [
        """
        {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "m", "r": 8, "lora_alpha": 16,
         "lora_dropout": 0.05, "bias": "none", "fan_in_fan_out": false, "inference_mode": true, "modules_to_save": null,
         "target_modules": ["q_proj", "v_proj"], "rank_pattern": {"q_proj": 4}, "alpha_pattern": {"v_proj": 2.5}}
        """,
        #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": "all-linear", "exclude_modules": ["k_proj"]}"#,
        #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": "model\\.layers\\.[01]\\.(self_attn|mlp)\\.(q|up)_proj"}"#,
        #"{"peft_type": "LORA", "r": 1, "target_modules": ["o_proj"], "layers_to_transform": [0, 1], "layers_pattern": "layers", "use_rslora": true}"#,
    ]
    static let adapterWords = [
        "(a+)+$", "(.*)*x", ".*.*.*.*.*.*=", "[", "\\\\d{1,99999}", "\"q_proj\"", "\"lm_head\"", "\"use_dora\"", "\"layers_to_transform\"",
        "\"r\"", "65537", "\"modules_to_save\"", "\"embed_tokens\"", "\"bias\"", "\"all\"",
    ]

    static let compressors = [
        """
        {"format": "gmsa", "version": 1, "stage": "autoencoding", "hidden_size": 16,
         "base_model": {"id": "tiny", "sha256": "abc"},
         "encoder": {"num_layers": 2, "attention": "causal", "final_norm": true,
                     "lora": {"r": 4, "alpha": 8.0, "dropout": 0.0, "targets": ["q_proj"]}},
         "lsa": {"kind": "layers", "num_layers": 1, "init": "decoder_lower", "final_norm": "train", "positions": "index"},
         "merge": {"kind": "mean", "remainder": "mean"}, "rates": {"train": [4, 8], "default": 4},
         "decoder": {"trained": "none"},
         "prompt": {"ae": "Again.", "qa_template": "{question}", "learned": false, "add_bos": false},
         "training": {}, "metrics": {"eval_loss": 1.5}}
        """
    ]

    static let configurations = [
        """
        model_roots: [/srv/models, models]
        dataset_roots: [/srv/data]
        allow_users: [alice, "1000"]
        allow_groups: [hone]
        preempt_after: 10min
        progress_interval: 5min
        cpus: 2
        memory: 12GiB
        reserve_cores: 1
        queues:
          night: {max_running: 2, max_cpus: 8, priority: -5}
        limits: {queued_per_user: 100, time_limit: 36h, log_bytes: 256MiB}
        """,
        "# nothing\n",
        "queues:\nlimits:\n  queued_per_user: 1\n",
    ]
    static let configurationWords = ["queues: ", "limits: ", "cpus: ", "12GiB", "36h", "max_running: ", "priority: ", "[a, b]", "../x"]
}
