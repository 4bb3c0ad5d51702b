"""`python -m facedb` is `facedb`."""

from facedb.cli.app import main

if __name__ == "__main__":
    main()
