"""Moments and formulas of the digest sole.md, sections 8.2 to 8.4, written down a second time on purpose."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """How a moment is found: codes, first or last, not before, not after, what does instead."""

    codes: str
    which: str = "first"
    after: str = ""
    before: str = ""
    instead: tuple[str, ...] = ()


#: 8.2, of studies.
STUDY = {
    "T_ord": Moment("RID45813"),
    "T_stat": Moment("RID45941"),
    "T_start": Moment("RID46000"),
    "T_arr": Moment("RID45825", "last", before="T_start"),
    "T_in": Moment("RID45897"),
    "T_out": Moment("RID45899", "last"),
    "T_acq": Moment("RID45826", "last"),
    "T_arch": Moment("RID45871", "last"),
    "T_ready": Moment("RID45914"),
    "T_end": Moment("RID45847", "last", before="T_ready"),
    "T_prep": Moment("", instead=("T_ready", "T_arch", "T_end")),
    "T_open": Moment("RID45893", after="T_prep"),
    "T_sign": Moment("RID45924"),
    "T_dict": Moment("RID45858", after="T_open"),
    "T_prel": Moment("RID45911"),
    "T_pub": Moment("RID45865"),
    "T_ack": Moment("RID45930"),
    "T_alert": Moment("RID45829"),
    "T_crit": Moment("RID45854", after="T_alert"),
    "T_off": Moment("RID45862", "last"),
    "A_img": Moment("", instead=("T_arch", "T_prep")),
}
#: 8.2, of workitems.
WORK = {
    "A_new": Moment("AIX101"),
    "A_asg": Moment("AIX102"),
    "A_clm": Moment("AIX103", "last"),
    "A_rq": Moment("SOLE112 AIX111", after="A_clm"),
    "A_ie": Moment("SOLE115 AIX122", "last"),
    "A_is": Moment("SOLE114 AIX121", "last", before="A_ie"),
    "A_rt": Moment("SOLE113 AIX112", "last", before="A_is"),
    "A_st": Moment("AIX131", "last"),
    "A_av": Moment("RID45833 AIX132", after="A_st", instead=("A_st",)),
    "A_nt": Moment("RID45829 AIX133"),
    "A_done": Moment("AIX107"),
    "A_can": Moment("AIX106"),
    "A_disp": Moment("AIX141"),
    "A_acc": Moment("AIX142", "last", before="T_sign"),
    "A_rej": Moment("AIX143", "last", before="T_sign"),
    "A_mod": Moment("AIX144", "last", before="T_sign"),
    "A_ign": Moment("AIX145", "last", before="T_sign"),
}
#: 8.3 and 8.4, differences: begin, end (the earlier of several), and what a case must have to be asked.
K_TIMES = {
    "K01": ("T_ord", "T_start", ""),
    "K02": ("T_ord", "T_start", "STAT"),
    "K03": ("T_arr", "T_start", ""),
    "K04": ("T_start", "T_acq", ""),
    "K05": ("T_in", "T_out", ""),
    "K07b": ("T_start", "T_end", ""),
    "K08": ("T_end", "T_prep", ""),
    "K09": ("T_prep", "T_open", ""),
    "K09b": ("T_end", "T_dict", ""),
    "K10": ("T_open", "T_sign T_prel", ""),
    "K10b": ("T_dict", "T_pub", ""),
    "K11": ("T_prep", "T_sign", ""),
    "K12": ("T_end", "T_sign", ""),
    "K13": ("T_end", "T_prel T_sign", ""),
    "K14": ("T_ord", "T_pub", ""),
    "K16": ("T_alert", "T_crit", "T_alert"),
    "K17": ("T_pub", "T_ack", "T_pub"),
}
A_TIMES = {
    "A01": ("A_img", "A_new", ""),
    "A02": ("A_new", "A_clm", ""),
    "A03": ("A_new", "A_asg", "A_asg"),
    "A04": ("A_rq", "A_rt", ""),
    "A05": ("A_rq", "A_rt", ""),
    "A06": ("A_rt", "A_is", ""),
    "A07": ("A_is", "A_ie", ""),
    "A08": ("A_ie", "A_st", ""),
    "A09": ("A_st", "A_av", ""),
    "A10": ("A_clm", "A_done", ""),
    "A11": ("A_img", "A_av", ""),
    "A12": ("T_end", "A_nt", "A_nt"),
    "A12b": ("A_img", "A_nt", "A_nt"),
    "A13": ("A_av", "T_open", ""),
    "A17": ("T_open", "A_av", ""),
    "A18": ("A_av", "A_disp", ""),
}
CHAIN = ("A_new", "A_clm", "A_is", "A_ie", "A_st", "A_av")
REVIEWS = {"A20": "A_acc", "A20b": "A_rej", "A20c": "A_mod", "A20d": "A_ign"}
FINDINGS = {"111242": "positive", "111244": "positive", "111241": "negative", "111243": "negative"}
#: What goes down and up, or is open and used.
DOWN = (("RID45992", "RID45993"), ("RID45994", "RID45995"), ("RID45996", "RID45997"), ("RID45998", "RID45999"))
RESOURCES = {
    "K06 used": (("RID45935", "RID45936"),),
    "K06": (("RID45988", "RID45989"),),
    "K07": (("RID45986", "RID45987"),),
    "K21": DOWN,
    "A28": (("AIX152", "AIX151"),),
}
OF_RESOURCES = {code for pairs in RESOURCES.values() for pair in pairs for code in pair}
