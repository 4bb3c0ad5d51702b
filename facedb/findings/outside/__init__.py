"""Photos outside of all folders: whom they show, which of them are one person who has no folder, which are copies."""
