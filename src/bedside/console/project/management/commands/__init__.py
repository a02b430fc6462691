"""Commands of this app; `bedside console WORD` runs the module WORD."""
