"""A company with known truth: histories as a business would deliver them, and what really happened kept apart."""

from churnml.simulation.company import SimulationSummary, simulate
from churnml.simulation.mechanism import Action, Change, Mechanism

__all__ = ["Action", "Change", "Mechanism", "SimulationSummary", "simulate"]
