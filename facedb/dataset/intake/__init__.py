"""The intake of one source: its records become rows, changed, missed and doubled files among them."""
