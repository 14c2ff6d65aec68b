"""Text in pieces while somebody writes it, sound out."""
