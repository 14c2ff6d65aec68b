"""The sound itself: silence, clipping, opinion models, speed."""
