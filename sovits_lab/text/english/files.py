"""Names of files in text: which endings there are, and what begins with a point."""

from __future__ import annotations

SUFFIX = (
    "py|js|txt|json|md|wav|mp3|mp4|exe|html|csv|yaml|yml|cpp|zip|pdf|jpe?g|png|docx?|xlsx?|pptx?|svg|toml|ipynb"
    "|flac|ogg|mkv|mov|avi|apk|tar|gz|css|xml|log|ini|conf|cfg|rar|iso|dmg|tsv|gif|webp|psd|sql|php|java|onnx|pth|srt|epub"
)
# .env and .jpg by themselves; a full stop without its space is not followed by one of these.
HIDDEN = f"NET|{SUFFIX}|env|gitignore|bashrc|zshrc|vimrc|npmrc|htaccess|dockerignore"
# A name whose hyphens and digits are said one by one: error-2024-03.log
DASHED_FILE = rf"(?<![A-Za-z0-9._/-])[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)+\.(?:{SUFFIX}|sh)(?![A-Za-z0-9])"
ACCOUNT = (
    r"(?<![A-Za-z0-9_])(?:(?:[A-Za-z]+_)+[A-Za-z]+[0-9]{2,}|(?:[A-Za-z]+_){2,}[0-9]{3,}|[A-Za-z][a-z]+_[0-9]{2,})"
    r"(?![A-Za-z0-9_])"
)
"""Pattern of a name that somebody has in an app: lily_wu2020, mina_98."""
