"""Where speech comes from and who agreed to it: consent, watermark, labels, audit log, cards."""
