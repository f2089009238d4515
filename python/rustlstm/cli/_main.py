"""What the command line understands, and who does it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import _commands, _demo
from ._files import PROBLEMS

FILES = """files, by their ending (.gz may follow):
  .txt    a text for generation
  .tsv    pairs for seq2seq, two columns; with --problem classification a text and its label
  .jsonl  objects for classification; --x and --y name the fields (text and label); with --problem prediction a list of
          numbers or items and what follows it (x and y)
  .conll  tokens and labels in columns for tagging, an empty line after each sequence
  .ts     labelled series for classification, as those of the UCR archive
  .csv    a series for forecast, a row for each moment; --target names the column; with --problem anomaly what is
          unusual in it; with --problem classification --x and --y name the columns of texts and labels
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (those of the process if None) and return the exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except (OSError, ValueError, TypeError) as error:
        print(f"rustlstm: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nrustlstm: stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rustlstm",
        description="LSTM models: Rust arithmetic, Python face.",
        epilog=FILES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)

    demo = commands.add_parser("demo", help="train on all four sequence problems, for less than a minute")
    demo.add_argument("--seed", type=int, default=0, help="of data, weights and samples (default: %(default)s)")
    demo.add_argument("--size", type=float, default=1.0, help="share of the samples and epochs (default: %(default)s)")
    demo.add_argument("--picture", default="rustlstm-demo.png", help="file for the curves (default: %(default)s)")
    demo.set_defaults(run=lambda chosen: _demo.demo(chosen.seed, chosen.size, chosen.picture))

    train = commands.add_parser("train", help="train a model on a file and save it")
    train.add_argument("file", help="what to learn from")
    train.add_argument("--to", required=True, metavar="MODEL", help="where the model goes, such as model.safetensors")
    train.add_argument("--problem", choices=PROBLEMS, help="what the file is for; by its ending if left out")
    train.add_argument("--test", type=float, default=0.1, help="share kept to judge by (default: %(default)s)")
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the estimator, such as --set hidden_size=128; once for each",
    )
    _add_columns(train)
    train.set_defaults(run=_commands.train)

    for name, run, what in (
        ("predict", _commands.predict, "write what a model makes of a file, a line for each sequence"),
        ("evaluate", _commands.evaluate, "judge a model by a file, beside simple baselines"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("model", help="a file of `rustlstm train` or rl.save")
        command.add_argument("file", help="sequences, in a form as for training")
        _add_columns(command)
        command.set_defaults(run=run)
        if name == "predict":
            command.add_argument("--horizon", type=int, help="steps ahead, of a forecast")
        else:
            command.add_argument("--season", type=int, help="steps of a season, for the baseline of a forecast")

    generate = commands.add_parser("generate", help="let a model write")
    generate.add_argument("model", help="a file of `rustlstm train` or rl.save")
    generate.add_argument("--prompt", default="", help="what the writing goes on from")
    generate.add_argument("--length", type=int, default=400, help="tokens to write (default: %(default)s)")
    generate.add_argument("--temperature", type=float, default=0.8, help="0 for the likeliest (default: %(default)s)")
    generate.add_argument("--top-k", type=int, help="only so many of the likeliest tokens")
    generate.add_argument("--top-p", type=float, help="only the likeliest that have so much of the probability")
    generate.add_argument("--seed", type=int, default=0, help="the same seed writes the same (default: %(default)s)")
    generate.set_defaults(run=_commands.generate)

    info = commands.add_parser("info", help="say what a file of a model holds; without a file, what this build is")
    info.add_argument("model", nargs="?", help="a file of `rustlstm train` or rl.save")
    info.set_defaults(run=_commands.info)
    return parser


def _add_columns(command: argparse.ArgumentParser) -> None:
    command.add_argument("--x", help="field or column of the sequences")
    command.add_argument("--y", help="field or column of the answers")
    command.add_argument("--time", help="column of the time, of a .csv")
    command.add_argument("--target", help="column to forecast, the last one if left out; to watch for anomalies, all")
