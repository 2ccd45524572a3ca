"""`python -m stnwarp` is the same program as `stnwarp`."""

from stnwarp.cli import main

if __name__ == "__main__":
    main()
