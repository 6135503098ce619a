"""Help, completion, names of providers, and the next command: what people see before anything is done."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import onnxruntime
import pytest

import fastcam
from fastcam import methods
from fastcam.cli import completion, main, parser, progress
from fastcam.cli.providers import long_name
from tests.cli.explaining import Terminal
from tests.model.models import classifier

HEAVY = ("numba", "onnx", "onnxruntime", "PIL", "scipy", "skimage", "fastcam.kernels")
COMMANDS = list(parser.COMMANDS)


def modules_after(*words):
    """Return what a fresh interpreter prints, and the heavy modules that it has imported."""
    code = (
        "import sys, fastcam.cli\n"
        "try: fastcam.cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"print('imported', *(m for m in (*{HEAVY!r}, 'numpy') if m in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-h",), "exit codes:\n  0    all was done\n  1    photos were left out"),
        (("explain", "-h"), "find . -name '*.jpg' | fastcam explain model.onnx - -o out"),
        (("explain", "model.onnx"), "the following arguments are required: IMAGE"),
        (("explian",), "invalid choice: 'explian'"),
        (("--print-completion", "bash"), " -F _shtab_fastcam fastcam"),
    ],
)
def test_help_completion_and_wrong_arguments_start_fast(words, told):
    out, err = modules_after(*words)
    assert told in out + err
    heavy = err.splitlines()[-1].split()[1:]
    assert heavy in ([], ["numpy"] if words[0] != "-h" else [])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_groups_examples_and_exit_codes(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"\nfor example:\n  fastcam {command}" in text
    assert "\nexit codes:\n  0    all was done\n" in text
    assert max(map(len, text.splitlines())) <= 120
    if command == "explain":
        groups = re.findall(r"^(\w[\w ]+):\n  for example: (.*)$", text, re.MULTILINE)
        assert [name for name, _ in groups] == ["model", "maps and boxes", "drawing", "results", "work"]


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_commands(command):
    for line in parser.COMMANDS[command].EXAMPLES:
        *_, words = re.split(r"[|;] ", line)
        program, *rest = shlex.split(words)
        assert program == "fastcam"
        parser.build(rest).parse_args(rest)


def test_what_was_meant(capsys):
    for words, close in (
        (["explian"], "explain"),
        (["explain", "m.onnx", "p.jpg", "--lenint"], "--lenient"),
        (["explain", "m.onnx", "p.jpg", "--color-map=jet"], "--colormap"),
    ):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 2
        assert capsys.readouterr().err.endswith(f"; did you mean {close}?\n")


def test_a_terminal_that_can_do_nothing_gets_plain_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    for name, length in (("dumb", 0), ("xterm", 1)):
        monkeypatch.setenv("TERM", name)
        terminal = Terminal()
        with progress.Progress(terminal, 3) as line:
            line.step()
        assert ("\r" in terminal.getvalue()) == length
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "model.onnx").write_bytes(classifier())
    for words in (["inspect", str(tmp_path / "model.onnx")], ["inspect", "no.onnx"]):
        main(words)
        assert "\x1b" not in "".join(capsys.readouterr())


# ---- completion ------------------------------------------------------------------------------------------------------


def complete(*words):
    """Return the words that bash proposes for the last one."""
    script = completion.script(parser.build(), "bash")
    line = " ".join(words)
    asked = (
        f"{script}\nCOMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}\n"
        f"COMP_LINE={shlex.quote(line)}; COMP_POINT={len(line)}\n"
        '_shtab_fastcam; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
def test_bash_completes_commands_options_and_values():
    assert {"explain", "eval", "inspect"} <= set(complete("fastcam", ""))
    assert complete("fastcam", "exp") == ["explain"]
    assert set(complete("fastcam", "explain", "--gr")) == {"--grid"}
    assert set(complete("fastcam", "explain", "--method", "")) == {"auto", *methods.METHODS}
    assert complete("fastcam", "explain", "--provider", "cu") == ["cuda"]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_scripts_of_all_shells(shell, capsys):
    with pytest.raises(SystemExit) as end:
        main(["--print-completion", shell])
    assert end.value.code == 0
    assert "explain" in capsys.readouterr().out


def test_completion_says_what_it_needs(monkeypatch, capsys):
    assert main(["--print-completion", "fish"]) == 2
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "zsh"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "fastcam: error: --print-completion: expected one of bash, zsh, tcsh; got 'fish'"
    assert second.endswith('expected the package shtab: pip install "fastcam[completion]"')


def test_values_of_completion_are_those_that_are_taken(capsys):
    from fastcam.arrays.engines.engine import ENGINES
    from fastcam.export.overlays import colormap

    for name in completion.VALUES["colormap"]:
        colormap(name)
    assert set(completion.VALUES["engine"]) == {"auto", *ENGINES}


# ---- providers -------------------------------------------------------------------------------------------------------


def test_short_names_of_providers(tmp_path, capsys):
    for name in onnxruntime.get_all_providers():
        assert long_name(name.removesuffix("ExecutionProvider").lower()) == name
        assert long_name(name) == long_name(name.upper()) == name
    assert long_name("DirectML") == "DmlExecutionProvider"
    assert long_name("MyOwnExecutionProvider") == "MyOwnExecutionProvider"
    with pytest.raises(
        fastcam.InputError, match=r"--provider: expected some of cpu, cuda, .*; got 'cudo'; did you mean"
    ):
        long_name("cudo")
    (tmp_path / "model.onnx").write_bytes(classifier())
    assert main(["inspect", str(tmp_path / "model.onnx"), "--provider", "cpu"]) == 0
    assert "provider    CPUExecutionProvider" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "model.onnx"), "--provider", "openvino"]) == 2
    assert "got OpenVINOExecutionProvider" in capsys.readouterr().err


# ---- the next command ------------------------------------------------------------------------------------------------


def next_of(printed):
    return re.search(r"^next        (.*)$", printed, re.MULTILINE)[1]  # type: ignore[index]


@pytest.mark.parametrize("name", ["model.onnx", "a model's $(x).onnx", "-q.onnx"])
def test_inspect_proposes_a_command_that_runs(tmp_path, monkeypatch, capsys, name):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(classifier())
    Image.new("RGB", (40, 30), "red").save("photo.jpg")
    assert main(["inspect", os.path.join(".", name)]) == 0
    told = capsys.readouterr().out
    program, *words = shlex.split(next_of(told))
    assert (program, words[-2:]) == ("fastcam", ["--preprocess", "imagenet"])
    assert "\n            (this preprocessing is assumed)\n" in told
    assert main(words) == 0
    assert capsys.readouterr().err == ""


def test_the_next_command_has_what_was_given(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(classifier())
    given = ["--preprocess", "unit,fit=stretch", "--provider", "cpu", "--threads", "1"]
    assert main(["inspect", "model.onnx", *given, "--save-head", "head.npz"]) == 0
    words = shlex.split(next_of(capsys.readouterr().out))
    expected = ["--preprocess", "unit,fit=stretch", "--head", "head.npz", "--provider", "cpu", "--threads", "1"]
    assert words[4:] == expected


def test_inspect_proposes_what_it_assumes(shared, capsys):
    """Names of other presets where those are assumed; nothing where a file states the preprocessing."""
    assert main(["inspect", str(shared / "models" / "mobilenet_v2_1.0_224_quant_q.onnx")]) == 0
    assert next_of(capsys.readouterr().out).endswith("photo.jpg --preprocess raw --labels imagenet")


def test_inspect_may_propose_labels(shared, capsys):
    assert main(["inspect", str(shared / "models" / "squeezenet1_1_nchw.onnx")]) == 0
    told = capsys.readouterr().out
    assert next_of(told).endswith("photo.jpg --preprocess imagenet --labels imagenet")
    assert "(this preprocessing is assumed; 1000 classes may be ImageNet's)" in told
