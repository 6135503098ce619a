"""Color maps: look-up tables of 256 colors, and the words that kernels blend.

Turbo by Anton Mikhailov, "Turbo, An Improved Rainbow Colormap for Visualization" (2019), copyright 2019 Google LLC,
SPDX-License-Identifier: Apache-2.0. Viridis and inferno by Nathaniel J. Smith, Stéfan van der Walt and (viridis) Eric
Firing (2015), SPDX-License-Identifier: CC0-1.0.
"""

from __future__ import annotations

from base64 import b85decode
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError

# Bytes R, G, B of each level, as their authors published them, in base 85.
_TABLES = {
    "turbo": (
        "FcLd56+<%^N;Df$H6B<tAzwEnW;iEpIVy8HEqOaHfIKpWJvECyIFUa)mp?w7KtQ5FL#IJTtU^h#LQAznPP#-<zeH5SL{`T|S"
        "<6LS&qZF-Mq$=QWZFh%-9~BPMr-3oZstdE=|^+xM|SQ<c<@Ji@<x61Mu7H4g7`*-`bLNQMT-1IjQvE9{zH-eLX`hOmj6JR|2"
        "~`kJ)ZtMp#3_d{5YliH>mnGtN1gm_c5>aFS7J5wDK&s@G80PD7@<@zUd{v=Oe@9BE{k$$KM~x-5$%@9L?Ap(A65!(i+sz8P&"
        "}g*UA{#$Qawj7~R4c-oO~(y&2-W8RNMc<hC5<v>oTNAL*|k>Z~H`swM2FC+?&w@1ZR4o-gs6GV+);^OQLBkv#Q|KlX}4_lHL"
        "Kgi82;PWgRO`g&FRc3Jy#UHorh{A^|YX=(jtZT@0${$F+eTzURkeg9T~|5JqjQHcLei~mcH|4EYnN0$CXnf^kY{y?AoKcW3S"
        "r2IUm{5q-oIjs9QulhH!`8KrpHn;aRx%M@@^)$ZpG{N&U!|^o6@HEKpG|TNY&FnPL>NL{nHPq)d*X1?Y<Tl&lHr?Pi-`_Xk-"
        "8bXgIOW+m=hr#u)j8|aIqcCo?$0{!%{uYRI`YXn^v62&#X9!GI`_dk_`W&$ygB;1Is3Rc`?fdyvo`#(HvO(O{j4<psWbkkGX"
        "A77{-H4bo-h8JE&iD-{+28LlPdm@DgBKn{fZ|1hb8=kBm03O`+gz%dms6D9{F`0_;MWgZyNS&8TDxx^kx_HV-@mX6!BdX@LL"
        "k^SP|`25bRSA>rf8rP7UZw4ChG<<wpzTMGE3W3gJNs-#-Z5JqX-82iiFY*f$2&H3rl(1=2AE&@TnfEd<Of1j;G|$S4EFCIiD"
        "I1HmH#z99m<AOg7_0=FFkv>O4k8Ue2u0jw7RsTKjJ6al0Y0ihBBo)7_>4*{4C0hJ8_k_!Qj3IU4=0*D9#g$DwG1_FKs0(t}k"
    ),
    "viridis": (
        "L;+Mp0#-!?S49O`Mh99(2wX-AT}BIDM-5;{4q-<SV@DBWM-yd86lX{lXh;`nNEm8J8f-`#ZAct$NF8rTA8<$@aY!L^NF#JeB"
        "y~t7c1R|7NGNznDS1aKdPgjJM=g6tE__EXeMT^TMlyazGk-=jfJHTdMK^&(ID$kugG4%mL_35-J%mF(g+f1tLO_N>L54v>he"
        "1S#Kt+f^Mu<O0h(Ab)K1qo_N{K#9iakw=Jx+=|Pl`NHi#t(^J5q}}Q;RxOj5$?|IaZ7~Sd2JXj5k`0H(QN1T#YtejWu44HD8"
        "T1V2w0kjWc46Gh>Z1WR5arjxlDAF=vi3XpS&xjxcJDFKdo3Y>qB%jxKJFE^m%4aE>i;jx2GGEOL%4bB-%?jw^MJDt3-4caAD"
        "}jwyMLDSD16dyXi4jwpSOCw`76e~u@BjwXSQCW4M8f{rDFjwOVSC54V8hK?kMjw6VUBZ-b9ij5+RjUtSVB8`n9j*TIYjUkYY"
        "A(4zAl8hjdj3ASYAC!zAm5U#iiyxPZADD|DnTj8piXNMa9-N6Dorxcwi65VcAE1aIp@<)$haaMcAftvLq=q4-g(0SeBBzBSs"
        "DvY_gCwehC98rZtb!)3fhVnjD6W7huYW4Ae=M<nEwX(svwSbKd@;3qGPZg&ws|$Tc{jLtIJtK^x^_Febv?XvKfH55y>ddnaY"
        "VmxM!;`K!EQ>yZA`*!PQz<Z#A;H-X;j5%R>o&o$7Nc`WL(H&Uddu$%3x#5UuDZ)XUtq_&0B2ET5ir*aL-qB&{lQORCm!+deK"
        "pQ(olcXPJz=+gw#uh)k%rfNQ>4+j@Ctx*F%%nL6z7*nAkp>**u-uJD}P*qS`m5+cv1%G^*S(t=urM-7m7;Ew$b&xZWwc-YC7"
        "_Ccxh%!rvps;33H1Aj;t%&EXx;;T+Q98`a_(*y0)5;~CxK7~kU<;^Y|R<QeDW8S3R4?ByHp<s9+l9rWfN_U0h?<{|s%BmL(k"
    ),
    "inferno": (
        "000C500jX71_1#G0s#sF0t^BI4g&%Z1OpNT0~7@W7X}0w2L&4l1sw?n9|{K|3kM_&2qp~(DGmuM5D6_23NR81G879m6$>{O3"
        "pp4JJQ)l=8w^1l3_~6aMIQ`EAq+|*3``^pPbLgeC<{|53sox%S1k)!FA7^R3S2S@UNj0{HVI)k31T@3V>=0CJqcw#31&bFXF"
        ">{SL<(p{3Ta0RYDo)fN(^gE3~NmdY)=hrQ4VZU4sBEqZB-9#R}gMl5N=u#Zd?*>T@r3z6K-J>ZekQ}WEE~@6>eu1ZfO>7Y8P"
        "&77;bGCZf_ZGaT#uM8g6tNZgm@OcN}ea9Bq0XZG0VVeI9Lp9&CUgY=R(cgdl5$A!~;rYltFhiXv)^BWaBzX^$jnkR@o6C1{f"
        "-XO$*rmnUYJCuW)`Wt%Bvohf9WDr2B3W1=f!qby;iEMTTBV5lx%sV-itFJ7%MU9K=(urXV)GFr1TTC_7+wlr9`HCMScR=PG-"
        "yf;+6I8(nlQouS<!8%aGJ5R(sPR2b=$39HRKTFC$O3Oh>%tA=cLr2d<M$kn?(ndtnM?=&|Le)w^*GoUxOg`C7J=#t@+fX~*Q"
        "99mIINwt@;8ix^RyE>RG~-z_<XSQ1TrlQcFXvt^=wL1BVJqrmD(hq^>t-nIXD01wCGKh@?`$LQZXxh*An|b@@pB#WbR6?`8}"
        "oP>^m!Qddl&V67507<_J9-jf)e+H5cq`;_=gVoi46IR3;B!+`Hl(tkO=yc2l|u;`<4d#mj?Tp2K$=^`<(~;p9lP*2>hc7{G|"
        "%~rVRY34g9JP{HziDt`hvP6#TLl{InSRwi^4m9s9Z;`@A9hz9ag;Ci=oC`ot>w#x42BFZszb`O7u<%{TbZI``2%_tQZ3)kF5"
        "zM)lcA_1jGJ-B0x2Q}p3h^W$3c<z4dTVe;r@^6F{v>}~Pwaq;hU@$q@`@_q93g7fu;^Y)7L_>T4YlJ@$R`1_jq{GIy!q5S`("
    ),
}
NAMES = ("jet", "turbo", "viridis", "inferno", "gray")


def colormap(name: str) -> NDArray[np.uint8]:
    """Return the look-up table of a color map.

    Parameters
    ----------
    name
        "jet", "turbo", "viridis", "inferno" or "gray".

    Returns
    -------
    (256, 3) uint8, RGB.

    Raises
    ------
    InputError
        No color map of that name.

    Examples
    --------
    >>> colormap("gray")[[0, 128, 255]].tolist()
    [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    """
    if not isinstance(name, str) or name not in NAMES:
        raise InputError(f"colormap: expected one of {', '.join(NAMES)}; got {name!r}")
    if name in _TABLES:
        return np.frombuffer(b85decode(_TABLES[name]), np.uint8).reshape(256, 3).copy()
    levels = np.arange(256)[:, None]
    if name == "gray":
        return levels.repeat(3, axis=1).astype(np.uint8)
    # Jet: 1.5 - |4 x - c| for x in [0, 1], c = 3, 2 and 1 of red, green and blue; halves rounded as OpenCV does.
    return np.clip([383, 382, 383] - np.abs(4 * levels - 255 * np.array([3, 2, 1])), 0, 255).astype(np.uint8)


@lru_cache(maxsize=8)
def color_pairs(name: str) -> NDArray[np.uint64]:
    """Return (65536,) uint64: bytes R, G, B of level i % 256, then those of level i // 256."""
    colors = colormap(name).astype(np.uint64) << np.array([0, 8, 16], np.uint64)
    one = colors.sum(axis=1, dtype=np.uint64)
    return (one[None, :] | one[:, None] << np.uint64(24)).reshape(-1)
