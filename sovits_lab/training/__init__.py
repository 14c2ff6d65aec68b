"""Stages, Lightning modules, schedules, callbacks."""
