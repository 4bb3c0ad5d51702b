"""Plans: what the verdicts ask for, as steps on single images."""
