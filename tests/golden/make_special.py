"""Print the table of `tests/rust/special.rs`: logarithms and the gamma function to thirty digits, by mpmath.

python tests/golden/make_special.py
"""

from mpmath import digamma, log, log1p, loggamma, mp, mpf  # type: ignore[import-untyped,import-not-found,unused-ignore]

mp.dps = 60

SMALL = ["1e-30", "1e-9", "0.001", "0.1", "0.5", "0.75", "1", "1.5", "2", "2.5", "3.3", "7.9", "9.999", "10", "10.5"]
LARGE = ["19.99", "20", "31.4", "100.25", "1234.5", "1e6", "1e12", "1e20"]


def row(*numbers: object) -> str:
    """Return one row of the table; arguments are the doubles that a test will have."""
    return "    (" + ", ".join(repr(float(number)) for number in numbers) + "),"


def main() -> None:
    """Print one table after the other."""
    print("// x, ln Γ(x), ψ(x), ln Γ(x + ½) - ln Γ(x) - ½ ln x, its derivative")
    for text in SMALL + LARGE:
        x, half = mpf(float(text)), mpf("0.5")
        step = loggamma(x + half) - loggamma(x) - log(x) / 2
        slope = digamma(x + half) - digamma(x) - half / x
        print(row(x, loggamma(x), digamma(x), step, slope))
    print("// x, k, ln Γ(x + k) - ln Γ(x) - k ln x, its derivative by x")
    for x in map(mpf, (0.02, 0.7, 3.0, 9.5, 10.0, 25.0, 1000.0, 1e7, 1e13)):
        for k in map(mpf, (0.0, 1.0, 2.0, 17.0, 3000.0)):
            step = loggamma(x + k) - loggamma(x) - k * log(x)
            slope = digamma(x + k) - digamma(x) - k / x
            print(row(x, k, step, slope))
    print("// x, ln(1 + x), ln(1 + x) - x")
    for text in ("-1e-3", "1e-20", "1e-9", "-1e-5", "0.01", "-0.2", "0.29", "0.31", "-0.6", "0.9", "123.456", "1e9"):
        x = mpf(float(text))
        print(row(x, log1p(x), log1p(x) - x))


if __name__ == "__main__":
    main()
