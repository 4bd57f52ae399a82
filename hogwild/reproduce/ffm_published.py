"""What the FFM paper and its authors' program print: every figure here has its source.

Juan, Zhuang, Chin, Lin, "Field-aware Factorization Machines for CTR Prediction", RecSys 2016; the
readme of libFFM; and libFFM 1.23 itself, run once with one thread on its own example files.  They
are of other data than the made rows here, except for that example.

Called by ``ffm`` and its parts.
"""

from typing import NamedTuple

# libFFM 1.23, defaults, -p bigdata.te.txt bigdata.tr.txt: tr_logloss and va_logloss by epoch.
GOLDEN = (
    (1.12420, 0.88889), (0.71238, 0.68856), (0.61740, 0.61925), (0.58520, 0.59228),
    (0.56697, 0.58012),
)  # fmt: skip


class Model(NamedTuple):
    """A row of Table 3: the model, its settings, seconds (one thread) and private log loss."""

    data: str
    model: str
    settings: str
    seconds: float
    loss: float


TABLE_3 = (
    Model("Criteo", "LM", "η .2, λ 0, 13 epochs", 527, 0.46224),
    Model("Criteo", "Poly2", "η .2, λ 0, 10 epochs", 12_064, 0.44956),
    Model("Criteo", "FM", "η .05, λ 2e-5, k 40, 8 epochs", 2_022, 0.44922),
    Model("Criteo", "FM", "η .05, λ 2e-5, k 100, 9 epochs", 4_020, 0.44847),
    Model("Criteo", "FFM", "η .2, λ 2e-5, k 4, 9 epochs", 6_587, 0.44603),
    Model("Avazu", "LM", "η .2, λ 0, 10 epochs", 164, 0.38833),
    Model("Avazu", "Poly2", "η .2, λ 0, 10 epochs", 911, 0.38347),
    Model("Avazu", "FM", "η .05, λ 2e-5, k 40, 8 epochs", 574, 0.38407),
    Model("Avazu", "FM", "η .05, λ 2e-5, k 100, 9 epochs", 1_277, 0.38531),
    Model("Avazu", "FFM", "η .2, λ 2e-5, k 4, 4 epochs", 340, 0.38223),
)
"""Its rows by SG, which is what is done here; libLINEAR's and libFM's are left out."""

MODELS = ("LM", "Poly2", "FM", "FFM")
OTHERS = {
    "KDD2010-bridge": (0.27947, 0.2622, 0.26372, 0.25639),
    "KDD2012": (0.15069, 0.15099, 0.15004, 0.14906),
    "phishing": (0.14211, 0.11512, 0.09229, 0.1065),
    "adult": (0.3097, 0.30655, 0.30763, 0.30565),
    "cod-rna, dummy fields": (0.13829, 0.12874, 0.12580, 0.12914),
    "cod-rna, discretised": (0.16455, 0.17576, 0.16570, 0.14993),
    "ijcnn, dummy fields": (0.20093, 0.08981, 0.07087, 0.0692),
    "ijcnn, discretised": (0.21588, 0.24578, 0.20223, 0.18608),
}
"""Table 4: log loss on other sets, by `MODELS`."""

FACTORS = {
    1: (27.236, 0.45773), 2: (26.384, 0.45715), 4: (27.875, 0.45696), 8: (40.331, 0.45690),
    16: (70.164, 0.45725),
}  # fmt: skip
"""k on a tenth of Criteo: seconds an epoch, best log loss."""

# The readme's example of overfitting, a part of Criteo, λ 2e-5: training and validation loss.
EXAMPLE = (
    (0.49738, 0.48776), (0.47383, 0.47995), (0.46366, 0.47480), (0.45561, 0.47231),
    (0.44810, 0.47034), (0.44037, 0.47003), (0.43239, 0.46952), (0.42362, 0.46999),
    (0.41394, 0.47088), (0.40326, 0.47228), (0.39156, 0.47435), (0.37886, 0.47683),
    (0.36522, 0.47975), (0.35079, 0.48321), (0.33578, 0.48703),
)  # fmt: skip
STOPPED = 7
"""The epoch that --auto-stop keeps there."""

# The defaults of the paper and of libFFM.
STEP, REG, K, FM_STEP = 0.2, 2e-5, 4, 0.05
