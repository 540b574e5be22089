"""``register()``: what NASLib then offers, and that the rest of it is as before."""

from __future__ import annotations

import naslib_archlock


def test_the_names_can_be_imported_from_naslib():
    from naslib.optimizers import ArchLock
    from naslib.optimizers.core.metaclasses import MetaOptimizer
    from naslib.predictors import BinaryRankPredictor
    from naslib.predictors.predictor import Predictor

    assert issubclass(ArchLock, MetaOptimizer)
    assert issubclass(BinaryRankPredictor, Predictor)


def test_registering_again_changes_nothing():
    import naslib.optimizers
    import naslib.predictors
    from naslib.predictors.ensemble import Ensemble

    before = (naslib.optimizers.ArchLock, naslib.predictors.BinaryRankPredictor, Ensemble.get_ensemble)
    naslib_archlock.register()
    assert (naslib.optimizers.ArchLock, naslib.predictors.BinaryRankPredictor, Ensemble.get_ensemble) == before


def test_an_ensemble_of_naslibs_own_predictors_is_made_as_before():
    from naslib.predictors import XGBoost
    from naslib.predictors.ensemble import Ensemble

    members = Ensemble(num_ensemble=2, predictor_type="xgb", ss_type="nasbench201").get_ensemble()
    assert [type(member) for member in members] == [XGBoost, XGBoost]
