"""Results for people and tools: rows, tables, exports, comparisons, charts."""
