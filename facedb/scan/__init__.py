"""One complete search of a gallery: its ledger, pairs, links, histograms and findings, as rows."""
