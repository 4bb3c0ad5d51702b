"""`python -m facedb` is `facedb`."""

from facedb.cli.start import main

if __name__ == "__main__":
    main()
